"""Requests that no client would send: byte for byte."""

import asyncio
from typing import Any


async def raw(dashboard: Any, request: str) -> bytes:
    """Send `request` as it is; the head of what comes back."""
    reader, writer = await asyncio.open_connection("127.0.0.1", dashboard.port)
    try:
        writer.write(request.encode())
        async with asyncio.timeout(10):
            return await reader.readuntil(b"\r\n\r\n")
    finally:
        writer.close()


async def status_of(dashboard: Any, request: str) -> int:
    """The status of the answer."""
    return int((await raw(dashboard, request)).split(b" ", 2)[1])
