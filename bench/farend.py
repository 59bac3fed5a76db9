"""The far end: answers at once with a canned reply, or streams stamped chunks at an even pace.

It runs as a process of its own (`python -m bench.farend`), prints its port and serves until it is ended.
Every chunk is due at a time fixed when its stream began: a late one does not delay the rest.
"""

import asyncio
import gc
import sys
import time
from typing import Final, cast

import msgspec
from httptools import HttpRequestParser

from api.running import raise_file_limit, run
from bench.messages import (
    AFTER_STAMP,
    BEFORE_STAMP,
    CHUNKS_A_SECOND,
    STAMP_DIGITS,
    STREAM_HEAD,
    answer,
    ending,
)

BACKLOG: Final = 4096


class Question(msgspec.Struct):
    """What the far end reads of a request."""

    max_tokens: int
    stream: bool = False


class FarEnd(asyncio.Protocol):
    """One connection of whoever asks."""

    transport: asyncio.Transport

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop, self.parser, self.body = loop, HttpRequestParser(self), b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_body(self, data: bytes) -> None:
        self.body += data

    def on_message_complete(self) -> None:
        body, self.body = self.body, b""
        asked = ASKED.decode(body)
        if asked.stream:
            self.transport.write(STREAM_HEAD)
            self.tell(self.loop.time(), 0, asked.max_tokens)
        else:
            self.transport.write(ANSWER)

    def tell(self, began: float, said: int, wanted: int) -> None:
        """Write the next chunk, and see to the one after it."""
        if self.transport.is_closing():
            return
        if said == wanted:
            self.transport.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(ENDING), ENDING))
            return
        frame = b"%b%0*d%b" % (BEFORE_STAMP, STAMP_DIGITS, time.monotonic_ns(), AFTER_STAMP)
        self.transport.write(b"%x\r\n%b\r\n" % (len(frame), frame))
        self.loop.call_at(began + (said + 1) / CHUNKS_A_SECOND, self.tell, began, said + 1, wanted)


async def serve() -> int:
    """Serve until the process is ended."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: FarEnd(loop), "127.0.0.1", 0, backlog=BACKLOG)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
    return 0


ASKED: Final = msgspec.json.Decoder(Question)
ENDING: Final = ending()
ANSWER: Final = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (
    len(answer()),
    answer(),
)

if __name__ == "__main__":
    gc.disable()  # a pause here would be counted as the gateway's
    raise_file_limit()
    sys.exit(run(serve))
