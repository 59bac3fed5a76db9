"""Requests that no client library would send, byte by byte."""

import asyncio
from dataclasses import dataclass

from tests.conftest import Api


@dataclass
class RawReply:
    """A reply as it came. `status` is 0 where the connection was closed without one."""

    status: int
    headers: dict[str, str]
    body: bytes


async def ask_raw(api: Api, request: bytes | str, seconds: float = 5.0) -> RawReply:
    """Send `request` on a connection of its own and read what comes, until the reply is whole or the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", api.listener.port)
    try:
        async with asyncio.timeout(seconds):
            writer.write(request.encode(errors="surrogateescape") if isinstance(request, str) else request)
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except (asyncio.IncompleteReadError, ConnectionError):
                return RawReply(0, {}, b"")
            first, *lines = head.decode().rstrip().split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            size = int(headers.get("content-length", "0"))
            body = b"" if request[:4] in (b"HEAD", "HEAD") else await reader.readexactly(size)
            return RawReply(int(first.split(" ")[1]), headers, body)
    finally:
        writer.close()
