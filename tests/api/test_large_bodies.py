"""200 MB through the real program, in and out: every byte arrives, and hardly any of them is ever held in memory."""

import asyncio
import hashlib
import json
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import pytest

from api.gateway import Gateway
from api.home import Home
from tests.program import Program, free_port

pytestmark = pytest.mark.skipif(
    not os.path.exists("/proc/self/status"), reason="the memory of a process is read from /proc, which is not there"
)
MIB = 1024 * 1024
BLOCKS = 200
EXTRA = 64 * MIB
HEAD = b'--b\r\nContent-Disposition: form-data; name="file"; filename="long.wav"\r\nContent-Type: audio/wav\r\n\r\n'
TAIL = b'\r\n--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nfar:m\r\n--b--\r\n'
TEXT = b'{"text":"long"}'
SEED = os.urandom(MIB)
KEY = "sk-far-0123456789"


def blocks(number: int = BLOCKS) -> Iterator[bytes]:
    """So many MiB, no two alike."""
    for at in range(number):
        yield SEED[at:] + SEED[:at]


def sum_of(pieces: Iterator[bytes]) -> str:
    found = hashlib.sha1(usedforsecurity=False)
    for piece in pieces:
        found.update(piece)
    return found.hexdigest()


class Taken(NamedTuple):
    """What a provider was sent as a file: how much, and its hash."""

    size: int
    sum: str


class FarEnd:
    """A provider that hears and speaks without remembering more than hashes."""

    def __init__(self) -> None:
        self.taken: list[Taken] = []
        self.written = 0
        self._serving: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[str]:
        """Listen, and say where."""
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=MIB)
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        server.close()
        await asyncio.gather(*self._serving)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._serving.add(asyncio.ensure_future(self._serve(reader, writer)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer until the other side is gone."""
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
                if b"/audio/speech " in head:
                    wish = json.loads(await reader.readexactly(length))
                    await self._speak(wish["n"], writer)
                else:
                    await self._listen(length, reader, writer)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    async def _listen(self, length: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        before = await reader.readuntil(b"audio/wav\r\n\r\n")
        boundary = before.partition(b"\r\n")[0]
        behind = len(TAIL) - 2 * len(b"--b") - len("far:") + 2 * len(boundary)
        left = size = length - len(before) - behind
        found = hashlib.sha1(usedforsecurity=False)
        while left:
            block = await reader.read(min(left, MIB))
            left -= len(block)
            found.update(block)
        assert (await reader.readexactly(behind)).startswith(b"\r\n" + boundary)
        self.taken.append(Taken(size, found.hexdigest()))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 15\r\n\r\n" + TEXT)

    async def _speak(self, number: int, writer: asyncio.StreamWriter) -> None:
        size = number * MIB
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\ncontent-length: %d\r\n\r\n" % size)
        for block in blocks(number):
            writer.write(block)
            await writer.drain()
            self.written += len(block)


class Running(NamedTuple):
    """The program with a provider."""

    program: Program
    far: FarEnd
    port: int
    key: str

    def memory(self, name: str) -> int:
        """VmRSS or VmHWM of its process, in bytes."""
        for line in Path(f"/proc/{self.program.process.pid}/status").read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * 1024
        raise AssertionError(name)

    async def most(self, doing: asyncio.Task[object]) -> int:
        """The most memory it has while something is done, as looked at again and again."""
        most = 0
        while not doing.done():
            most = max(most, self.memory("VmRSS"))
            await asyncio.wait((doing,), timeout=0.02)
        doing.result()
        return max(most, self.memory("VmRSS"))

    async def asks(self, path: str, kind: str, length: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection on which the head of a request has been sent."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=MIB)
        writer.write(
            f"POST /v1/audio/{path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {self.key}\r\n"
            f"Content-Type: {kind}\r\nContent-Length: {length}\r\n\r\n".encode()
        )
        return reader, writer

    async def transcribe(self, number: int) -> bytes:
        """Send so many MiB; what is answered."""
        length = len(HEAD) + number * MIB + len(TAIL)
        reader, writer = await self.asks("transcriptions", "multipart/form-data; boundary=b", length)
        for piece in chain((HEAD,), blocks(number), (TAIL,)):
            writer.write(piece)
            await writer.drain()
        answer = await reader.readuntil(b"}")
        writer.close()
        return answer.rpartition(b"\r\n")[2]

    async def speech(self, number: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Ask for so many MiB; the answer's head has been read."""
        body = b'{"model":"far:m","input":"Hi","voice":"v","n":%d}' % number
        reader, writer = await self.asks("speech", "application/json", len(body))
        writer.write(body)
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        return reader, writer

    async def hear(self, number: int) -> str:
        """The hash of so many MiB of speech."""
        reader, writer = await self.speech(number)
        found = hashlib.sha1(usedforsecurity=False)
        async for piece in chunks(reader):
            found.update(piece)
        writer.close()
        return found.hexdigest()


async def chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """What a chunked answer holds."""
    while left := int(await reader.readuntil(b"\r\n"), 16):
        while left:
            piece = await reader.read(left)
            assert piece, "the answer was cut"
            left -= len(piece)
            yield piece
        await reader.readexactly(2)


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    far, port, home = FarEnd(), free_port(), Home(tmp_path / "home")
    home.prepare()
    home.lock()
    async with far.open() as url:
        async with Gateway.open(home, tmp_path / "cache") as gateway:
            await gateway.providers.add("far", "openai_chat", url, KEY)
            key = gateway.keys.main()
        home.release()
        with await asyncio.to_thread(Program(home.path, "--port", str(port), module="api").ready) as program:
            yield Running(program, far, port, key)


async def test_200_mb_go_in_and_200_mb_come_out_in_little_memory(running: Running) -> None:
    whole = sum_of(blocks())
    await running.transcribe(4)
    await running.hear(4)
    before = running.memory("VmRSS")

    sending = asyncio.ensure_future(running.transcribe(BLOCKS))
    most = await running.most(sending)
    assert sending.result() == TEXT
    assert running.far.taken[-1] == Taken(BLOCKS * MIB, whole)
    assert most - before < EXTRA

    hearing = asyncio.ensure_future(running.hear(BLOCKS))
    most = await running.most(hearing)
    assert hearing.result() == whole
    assert most - before < EXTRA
    assert running.memory("VmHWM") - before < EXTRA


async def test_a_slow_listener_slows_the_provider_down(running: Running) -> None:
    reader, writer = await running.speech(BLOCKS)
    await reader.readuntil(b"\r\n")
    seen = -1
    async with asyncio.timeout(20):
        while seen != running.far.written:  # until what lies between them is full
            seen = running.far.written
            await asyncio.sleep(0.3)
    assert 0 < seen < 32 * MIB
    async with asyncio.timeout(20):
        while running.far.written < seen + 8 * MIB:
            await reader.read(MIB)
    writer.close()
