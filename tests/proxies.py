"""Proxies and certificates of our own making, on real sockets."""

import asyncio
import base64
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

PROVIDER = "api.example"  # a name that only the proxies here know
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def certificate(folder: Path, *names: str) -> Path:
    """A throw-away certificate for these names, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, f"Morello's test {names[0]}")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    path = folder / f"{names[0]}-{signed.serial_number}.pem"
    path.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain) + signed.public_bytes(pem))
    return path


def serving(path: Path) -> ssl.SSLContext:
    """The context of a server that shows this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


def trusting(path: Path) -> ssl.SSLContext:
    """The context of a client that trusts it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(path)
    return context


@asynccontextmanager
async def served(serve: Serve, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Serve on a free port of 127.0.0.1, which is given."""
    tasks: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        gone = (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError, ssl.SSLError)
        with contextlib.suppress(*gone):
            await serve(reader, writer)
        writer.close()
        tasks.discard(task)

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tuple(tasks), return_exceptions=True)


async def says_hello(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A provider that says hello to each question."""
    while True:
        head = await reader.readuntil(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        await reader.readexactly(int(length or 0))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello")


@dataclass
class FakeProxy:
    """A proxy of one scheme that sends everybody to 127.0.0.1, and remembers what it was asked.

    `login` is what it wants. `status`, for HTTP, and `code`, for SOCKS, are how it refuses.
    """

    scheme: str
    login: tuple[str, str] | None = None
    status: int = 200
    code: int = 0
    port: int = 0
    asked: list[str] = field(default_factory=list)
    heads: list[bytes] = field(default_factory=list)

    def url(self, login: tuple[str, str] | None = None) -> str:
        """Where it is, for whoever gives this login."""
        return f"{self.scheme}://{':'.join(login) + '@' if login else ''}localhost:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection from its first byte to its last."""
        await (self._socks(reader, writer) if self.scheme == "socks5" else self._http(reader, writer))

    async def _http(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.heads.append(head)
        method, where, _ = head.decode("latin-1").split(" ", 2)
        self.asked.append(f"{method} {where}")
        if self.login and base64.b64encode(":".join(self.login).encode()) not in head:
            writer.write(b"HTTP/1.1 407 Who are you\r\nproxy-authenticate: Basic\r\ncontent-length: 0\r\n\r\n")
            return
        if self.status != 200:
            writer.write(b"HTTP/1.1 %d No\r\ncontent-length: 0\r\n\r\n" % self.status)
            return
        place = where if method == "CONNECT" else where.split("/")[2]
        if method == "CONNECT":
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await _pipe(reader, writer, int(place.rpartition(":")[2]), b"" if method == "CONNECT" else head)

    async def _socks(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, count = await reader.readexactly(2)
        wanted = 2 if self.login else 0
        if wanted not in await reader.readexactly(count):
            writer.write(b"\x05\xff")
            return
        writer.write(bytes((5, wanted)))
        if self.login:
            _, length = await reader.readexactly(2)
            user = await reader.readexactly(length)
            password = await reader.readexactly((await reader.readexactly(1))[0])
            good = (user.decode(), password.decode()) == self.login
            writer.write(b"\x01\x00" if good else b"\x01\x01")
            if not good:
                return
        *_, kind = await reader.readexactly(4)
        size = {1: 4, 4: 16}.get(kind) or (await reader.readexactly(1))[0]
        host, port = await reader.readexactly(size), int.from_bytes(await reader.readexactly(2))
        self.asked.append(f"{host.decode() if kind == 3 else host.hex()}:{port}")
        # Its own address comes back as a name, which is as long as it says.
        writer.write(bytes((5, self.code, 0, 3)) + b"\x05proxy\x00\x50")
        if not self.code:
            await _pipe(reader, writer, port, b"")


@asynccontextmanager
async def fake_proxy(scheme: str, tls: ssl.SSLContext | None = None, **how: object) -> AsyncIterator[FakeProxy]:
    """A proxy on a free port; one of https needs `tls`."""
    proxy = FakeProxy(scheme, **how)  # type: ignore[arg-type]
    async with served(proxy.serve, tls) as proxy.port:
        yield proxy


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int, first: bytes) -> None:
    there_reader, there_writer = await asyncio.open_connection("127.0.0.1", port)
    there_writer.write(first)
    try:
        await asyncio.gather(_carry(reader, there_writer), _carry(there_reader, writer))
    finally:
        there_writer.close()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while block := await reader.read(65536):
        writer.write(block)
    writer.close()
