"""The relay's engine: over real sockets on both event loops, and over a wire made of calls."""

import asyncio
import contextlib
import functools
import gzip
import inspect
import socket
import ssl
import struct
import time
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from itertools import pairwise

import httpx
import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from api.upstream import wire
from api.upstream.h1 import H1Transport, Reply, SizedStream

LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
PATIENT = {"connect": 20.0, "read": 20.0, "write": 20.0, "pool": 20.0}
HELLO = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 5\r\n\r\nhello"
EVIL = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
HALF = b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nhalf"


def on_both_loops(test):
    """Run a test's body on asyncio's loop and on uvloop. What the loop itself complains of fails the test."""

    @pytest.mark.parametrize("loop", LOOPS)
    def run(loop, **fixtures):
        complaints = []

        async def body():
            asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
            await asyncio.wait_for(test(**fixtures), 60)

        with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
            runner.run(body())
        assert complaints == []

    parameters = [inspect.Parameter("loop", inspect.Parameter.KEYWORD_ONLY)]
    signature = inspect.Signature([*inspect.signature(test).parameters.values(), *parameters])
    run = functools.update_wrapper(run, test)
    del run.__wrapped__
    run.__signature__ = signature
    return run


class FarEnd:
    """A provider on loopback: `script(reader, writer)` answers each request; False ends the connection."""

    def __init__(self, script, tls=None):
        self.script, self.tls = script, tls
        self.connections, self.tasks = 0, set()

    async def __aenter__(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0, ssl=self.tls)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self.server.close()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks)

    async def serve(self, reader, writer):
        self.connections += 1
        task = asyncio.current_task()
        self.tasks.add(task)
        gone = (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError, ssl.SSLError)
        with contextlib.suppress(*gone):
            while await self.script(reader, writer) is not False:
                pass
        self.tasks.discard(task)
        writer.close()

    def request(self, body=b"{}", **others):
        return request(self.port, body, **others)


def request(port, body=b"{}", *, host="127.0.0.1", scheme="http", method="POST", headers=None, **timeouts):
    return httpx.Request(
        method,
        f"{scheme}://{host}:{port}/v1/chat?a=b",
        headers=headers or {"a": "b"},
        stream=httpx.ByteStream(body) if isinstance(body, bytes) else body,
        extensions={"timeout": PATIENT | timeouts},
    )


async def read_request(reader):
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    if b"transfer-encoding: chunked" in head:
        body = b""
        while size := int(await reader.readline(), 16):
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readline()
        return head, body
    length = head.partition(b"content-length: ")[2].partition(b"\r\n")[0]
    return head, await reader.readexactly(int(length or 0))


def says(*pieces, then_closes=False):
    """A script that answers each request with these bytes, each piece in a write of its own."""

    async def script(reader, writer):
        await read_request(reader)
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        return not then_closes

    return script


def says_and_waits(raw):
    """A script that answers with these bytes and then nothing, until the other side hangs up."""

    async def script(reader, writer):
        await read_request(reader)
        writer.write(raw)
        await reader.read()
        return False

    return script


async def reply_to(transport, question):
    response = await transport.handle_async_request(question)
    assert isinstance(response.stream, Reply)
    return response.stream


async def read(reply):
    try:
        return b"".join([part async for part in reply])
    finally:
        await reply.aclose()


async def pour(reply, sink):
    try:
        await reply.pour(sink)
    finally:
        await reply.aclose()


async def ask(transport, question):
    return await read(await reply_to(transport, question))


async def until(condition):
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


# Keeping connections alive


@on_both_loops
async def test_one_connection_serves_one_request_after_the_other():
    async with FarEnd(says(HELLO)) as far, H1Transport() as transport:
        for _ in range(5):
            assert await ask(transport, far.request()) == b"hello"
        assert far.connections == 1


@on_both_loops
async def test_the_transport_serves_an_ordinary_httpx_client():
    async with (
        FarEnd(says(HELLO)) as far,
        httpx.AsyncClient(transport=H1Transport(), trust_env=False) as client,
    ):
        assert (await client.post(f"http://127.0.0.1:{far.port}/", json={"a": 1})).text == "hello"
        assert (await client.get(f"http://127.0.0.1:{far.port}/")).text == "hello"
        assert far.connections == 1


@on_both_loops
async def test_a_provider_that_says_close_is_obeyed():
    bye = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok"
    async with FarEnd(says(bye)) as far, H1Transport() as transport:
        assert [await ask(transport, far.request()) for _ in range(2)] == [b"ok", b"ok"]
        assert far.connections == 2


@on_both_loops
async def test_an_idle_connection_expires():
    async with FarEnd(says(HELLO)) as far, H1Transport(idle_seconds=0.1) as transport:
        await ask(transport, far.request())
        await until(lambda: not far.tasks)
        await ask(transport, far.request())
        assert far.connections == 2


@on_both_loops
async def test_a_connection_that_ended_while_idle_is_replaced():
    async with FarEnd(says(HELLO, then_closes=True)) as far, H1Transport() as transport:
        for _ in range(3):
            assert await ask(transport, far.request()) == b"hello"
            await until(lambda: not far.tasks)


@pytest.mark.parametrize("surplus", [EVIL, b"evil", b"HTTP/1.1"])
@on_both_loops
async def test_what_was_not_asked_for_is_never_the_next_answer(surplus):
    async with FarEnd(says(HELLO + surplus)) as far, H1Transport() as transport:
        assert [await ask(transport, far.request()) for _ in range(3)] == [b"hello"] * 3
        assert far.connections == 3


@on_both_loops
async def test_what_comes_unasked_and_late_ends_the_idle_connection():
    async def script(reader, writer):
        await says(HELLO)(reader, writer)
        await asyncio.sleep(0.05)
        writer.write(EVIL)

    async with FarEnd(script) as far, H1Transport() as transport:
        assert await ask(transport, far.request()) == b"hello"
        await until(lambda: not far.tasks)
        assert await ask(transport, far.request()) == b"hello"
        assert far.connections == 2


# A connection that was stale


def closes_the_second(close, after=0.0):
    """A script that answers the first request on each connection and ends on the second, without a byte."""
    asked = []

    async def script(reader, writer):
        await read_request(reader)
        asked.append(writer)
        if asked.count(writer) == 1:
            writer.write(HELLO)
            return True
        await asyncio.sleep(after)
        return close(writer)

    return script, asked


def says_goodbye(_):
    return False


def resets(writer):
    linger = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()
    return False


@pytest.mark.parametrize("close", [says_goodbye, resets])
@on_both_loops
async def test_a_request_on_a_stale_connection_is_sent_once_more_on_a_fresh_one(close):
    script, asked = closes_the_second(close)
    async with FarEnd(script) as far, H1Transport() as transport:
        assert [await ask(transport, far.request()) for _ in range(2)] == [b"hello"] * 2
        assert (len(asked), far.connections) == (3, 2)


@on_both_loops
async def test_a_stale_connection_is_replaced_even_where_one_is_the_limit():
    script, _ = closes_the_second(says_goodbye)
    async with FarEnd(script) as far, H1Transport(max_connections=1) as transport:
        assert await asyncio.gather(*[ask(transport, far.request()) for _ in range(6)]) == [b"hello"] * 6


@on_both_loops
async def test_the_repetition_does_not_try_another_idle_connection():
    script, asked = closes_the_second(says_goodbye)
    async with FarEnd(script) as far, H1Transport() as transport:
        await asyncio.gather(*[ask(transport, far.request()) for _ in range(3)])
        assert far.connections == 3
        assert await ask(transport, far.request()) == b"hello"
        assert (len(asked), far.connections) == (5, 4)


@on_both_loops
async def test_a_request_is_sent_twice_at_most():
    asked = []

    async def script(reader, writer):
        asked.append(await read_request(reader))
        writer.write(HELLO if len(asked) == 1 else b"")
        return len(asked) == 1

    async with FarEnd(script) as far, H1Transport() as transport:
        await ask(transport, far.request())
        with pytest.raises(httpx.RemoteProtocolError, match="closed the connection midway"):
            await ask(transport, far.request())
        assert (len(asked), far.connections) == (3, 2)


@on_both_loops
async def test_a_request_on_a_new_connection_is_not_repeated():
    async with FarEnd(says(b"", then_closes=True)) as far, H1Transport() as transport:
        with pytest.raises(httpx.RemoteProtocolError):
            await ask(transport, far.request())
        assert far.connections == 1


@on_both_loops
async def test_a_request_is_not_repeated_once_a_byte_of_its_answer_came():
    async def script(reader, writer):
        await says(HELLO)(reader, writer)
        await says(b"H")(reader, writer)
        return False

    async with FarEnd(script) as far, H1Transport() as transport:
        await ask(transport, far.request())
        with pytest.raises(httpx.RemoteProtocolError):
            await ask(transport, far.request())
        assert far.connections == 1


@on_both_loops
async def test_a_request_that_was_worked_on_for_a_while_is_not_repeated(monkeypatch):
    monkeypatch.setattr(wire, "STALE_SECONDS", 0.1)
    script, asked = closes_the_second(says_goodbye, after=0.3)
    async with FarEnd(script) as far, H1Transport() as transport:
        await ask(transport, far.request())
        with pytest.raises(httpx.RemoteProtocolError):
            await ask(transport, far.request())
        assert len(asked) == 2


class Kept:
    """A body that can be said again: how often it was begun, and its pieces."""

    def __init__(self, *pieces):
        self.pieces, self.begun = pieces, 0

    def sized(self):
        return SizedStream(sum(map(len, self.pieces)), self)

    async def __aiter__(self):
        self.begun += 1
        for piece in self.pieces:
            yield piece


@pytest.mark.parametrize("close", [says_goodbye, resets])
@on_both_loops
async def test_a_body_that_can_be_said_again_is_repeated_from_its_first_byte(close):
    bodies = []

    async def script(reader, writer):
        bodies.append(await read_request(reader))
        if len(bodies) == 2:
            return close(writer)
        writer.write(HELLO)
        return True

    async with FarEnd(script) as far, H1Transport() as transport:
        kept = Kept(b"one", b"", b"two" * 50_000)
        assert [await ask(transport, far.request(body)) for body in (b"{}", kept.sized())] == [b"hello"] * 2
        assert (kept.begun, far.connections) == (2, 2)
    assert bodies[1] == bodies[2]
    assert bodies[2][1] == b"one" + b"two" * 50_000


@on_both_loops
async def test_a_long_body_that_can_be_said_again_survives_a_connection_that_was_stale():
    asked = []

    async def script(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        asked.append(head)
        if len(asked) == 2:
            return resets(writer)
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        while length:
            length -= len(await reader.read(length))
        writer.write(HELLO)
        return True

    async with FarEnd(script) as far, H1Transport() as transport:
        kept = Kept(*[b"q" * 1_000_000] * 30)
        assert [await ask(transport, far.request(body)) for body in (b"{}", kept.sized())] == [b"hello"] * 2
        assert (kept.begun, far.connections) == (2, 2)


@on_both_loops
async def test_a_body_that_is_still_being_made_is_not_repeated():
    script, asked = closes_the_second(says_goodbye)
    async with FarEnd(script) as far, H1Transport() as transport:
        await ask(transport, far.request())
        with pytest.raises(httpx.RemoteProtocolError):
            await ask(transport, far.request(Made(b"x")))
        assert len(asked) == 2


# Reading answers


@on_both_loops
async def test_a_chunked_answer_arrives_byte_by_byte_without_its_trailers():
    raw = CHUNKED + b"3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nx-trailer: 1\r\n\r\n"
    async with FarEnd(says(*[raw[i : i + 1] for i in range(len(raw))])) as far, H1Transport() as transport:
        for _ in range(2):
            reply = await reply_to(transport, far.request())
            assert await read(reply) == b"abcde"
            assert b"x-trailer" not in dict(reply.headers)
        assert far.connections == 1


@on_both_loops
async def test_an_answer_without_a_length_ends_with_its_connection():
    raw = b"HTTP/1.1 200 OK\r\n\r\nuntil the end"
    async with FarEnd(says(raw, then_closes=True)) as far, H1Transport() as transport:
        assert [await ask(transport, far.request()) for _ in range(2)] == [b"until the end"] * 2
        assert far.connections == 2


@pytest.mark.parametrize("raw", [b"", b"HTTP/1.1 200 OK\r\ncont", HALF, CHUNKED + b"5\r\nhello\r\n"])
@on_both_loops
async def test_an_answer_cut_midway_is_an_error(raw):
    async with FarEnd(says(raw, then_closes=True)) as far, H1Transport() as transport:
        with pytest.raises(httpx.RemoteProtocolError, match="closed the connection midway"):
            await ask(transport, far.request())


@on_both_loops
async def test_what_came_before_the_cut_is_delivered_first():
    async with FarEnd(says(HALF, then_closes=True)) as far, H1Transport() as transport:
        reply = await reply_to(transport, far.request())
        await until(lambda: reply.complete)
        assert await anext(reply) == b"half"
        with pytest.raises(httpx.RemoteProtocolError):
            await anext(reply)


@on_both_loops
async def test_a_broken_connection_is_told_in_words():
    async def script(reader, writer):
        await read_request(reader)
        writer.write(HALF)
        await asyncio.sleep(0.05)
        return resets(writer)

    async with FarEnd(script) as far, H1Transport() as transport:
        with pytest.raises(httpx.ReadError, match=r"^The connection to the provider broke: Connection reset.*\.$"):
            await ask(transport, far.request())


@on_both_loops
async def test_interim_answers_are_passed_over():
    early = b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"
    async with FarEnd(says(early, HELLO)) as far, H1Transport() as transport:
        for _ in range(2):
            reply = await reply_to(transport, far.request())
            assert b"link" not in dict(reply.headers)
            assert await read(reply) == b"hello"
        assert far.connections == 1


@on_both_loops
async def test_an_answer_without_a_body_keeps_its_connection():
    async with FarEnd(says(b"HTTP/1.1 204 No Content\r\n\r\n")) as far, H1Transport() as transport:
        assert [await ask(transport, far.request()) for _ in range(2)] == [b"", b""]
        assert far.connections == 1


@on_both_loops
async def test_the_answer_to_a_head_request_has_no_body():
    raw = b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n"
    async with FarEnd(says(raw)) as far, H1Transport() as transport:
        for _ in range(2):
            assert await ask(transport, far.request(b"", method="HEAD")) == b""


@on_both_loops
async def test_a_redirect_is_an_answer_like_any_other():
    raw = b"HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\nset-cookie: a=b\r\ncontent-length: 0\r\n\r\n"
    heads = []

    async def script(reader, writer):
        heads.append((await read_request(reader))[0])
        writer.write(raw)

    async with FarEnd(script) as far, H1Transport() as transport:
        for _ in range(2):
            reply = await reply_to(transport, far.request())
            assert (reply.status, dict(reply.headers)[b"location"]) == (302, b"/elsewhere")
            await reply.aclose()
    assert len(heads) == 2
    assert not any(b"cookie" in head for head in heads)


@on_both_loops
async def test_a_compressed_answer_stays_compressed():
    body = gzip.compress(b"small" * 1000)
    raw = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
    async with FarEnd(says(raw)) as far, H1Transport() as transport:
        assert await ask(transport, far.request()) == body


NOT_HTTP = {
    "another protocol": b"SSH-2.0-x\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello!",
    "two framings": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n\r\nhello",
    "a wrong chunk size": CHUNKED + b"zz\r\n",
    "a negative length": b"HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\nhello",
    "a folded header": b"HTTP/1.1 200 OK\r\na: b\r\n c\r\n\r\n",
    "a zero byte": b"HTTP/1.1 200 OK\r\na: b\0c\r\ncontent-length: 0\r\n\r\n",
}


@pytest.mark.parametrize("raw", NOT_HTTP.values(), ids=NOT_HTTP)
@on_both_loops
async def test_what_is_not_http_is_refused(raw):
    async with FarEnd(says_and_waits(raw)) as far, H1Transport() as transport:
        with pytest.raises(httpx.RemoteProtocolError, match="not valid HTTP"):
            await ask(transport, far.request())
        await until(lambda: not far.tasks)


@on_both_loops
async def test_a_change_of_protocol_is_refused():
    raw = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"
    async with FarEnd(says_and_waits(raw)) as far, H1Transport() as transport:
        with pytest.raises(httpx.RemoteProtocolError, match=r"^The provider changed protocols unasked\.$"):
            await ask(transport, far.request())


ENDLESS = {
    "head": (b"HTTP/1.1 200 OK\r\nx: ", b"y" * 1000),
    "interim": (b"", b"HTTP/1.1 100 Continue\r\nx: y\r\n\r\n" * 30),
    "trailer": (CHUNKED + b"1\r\na\r\n0\r\n", b"t: yyyyyyyyyyyyyyyyyyyy\r\n" * 40),
    "chunk extension": (CHUNKED + b"1\r\na\r\n1;x=", b"y" * 1000),
}


@pytest.mark.parametrize(("start", "more"), ENDLESS.values(), ids=ENDLESS)
@on_both_loops
async def test_headers_without_end_are_cut_off(start, more):
    async with FarEnd(says(start, *[more] * 400)) as far, H1Transport() as transport:
        with pytest.raises(httpx.RemoteProtocolError, match="headers are too large"):
            await ask(transport, far.request())
        await until(lambda: not far.tasks)


def with_a_header_of(size):
    return b"HTTP/1.1 200 OK\r\nx: %b\r\ncontent-length: 5000\r\n\r\n%b" % (b"y" * size, b"z" * 5000)


@on_both_loops
async def test_headers_up_to_the_limit_pass_and_larger_ones_do_not_even_in_one_block():
    async with H1Transport(max_head=1024) as transport:
        async with FarEnd(says(with_a_header_of(980))) as far:
            assert await ask(transport, far.request()) == b"z" * 5000
        async with FarEnd(says(with_a_header_of(1024))) as far:
            with pytest.raises(httpx.RemoteProtocolError, match="headers are too large"):
                await ask(transport, far.request())


# Sending requests


class Made(httpx.AsyncByteStream):
    """A body that is made while it is sent."""

    def __init__(self, *pieces):
        self.pieces = pieces

    async def __aiter__(self):
        for piece in self.pieces:
            await asyncio.sleep(0)
            yield piece


async def tells_the_size(reader, writer):
    _, body = await read_request(reader)
    size = b"%d" % len(body)
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(size), size))


@on_both_loops
async def test_large_bodies_and_streamed_bodies_arrive_whole():
    async with FarEnd(tells_the_size) as far, H1Transport() as transport:
        assert await ask(transport, far.request(b"q" * 20_000_000)) == b"20000000"
        assert await ask(transport, far.request(Made(*[b"x" * 100_000] * 50, b"", b"y"))) == b"5000001"
        assert far.connections == 1


@on_both_loops
async def test_the_head_of_a_request_is_framed_by_the_transport_alone():
    heads = []

    async def script(reader, writer):
        heads.append((await read_request(reader))[0])
        writer.write(HELLO)

    headers = {"Host": "own.example", "Connection": "close", "Content-Length": "99", "X-A": "b"}
    async with FarEnd(script) as far, H1Transport() as transport:
        await ask(transport, far.request(b"{}", headers=headers))
        await ask(transport, far.request(b"", method="GET", headers=[(b"x-a", b"b")]))
        await ask(transport, far.request(b"{}", method="GET", headers=[(b"x-a", b"b")]))
        await ask(transport, far.request(b"", headers=[(b"x-a", b"b")]))
    named, unnamed = b"host: own.example", b"host: 127.0.0.1:%d" % far.port
    assert [sorted(head.strip().split(b"\r\n")) for head in heads] == [
        [b"content-length: 2", named, b"post /v1/chat?a=b http/1.1", b"x-a: b"],
        [b"get /v1/chat?a=b http/1.1", unnamed, b"x-a: b"],
        [b"content-length: 2", b"get /v1/chat?a=b http/1.1", unnamed, b"x-a: b"],
        [b"content-length: 0", unnamed, b"post /v1/chat?a=b http/1.1", b"x-a: b"],
    ]


@pytest.mark.parametrize("value", [b"x\r\nevil: 1", b"x\nevil: 1", b"x\revil: 1", b"x\0"])
@on_both_loops
async def test_a_line_break_in_a_header_never_reaches_the_wire(value):
    async with FarEnd(says(HELLO)) as far, H1Transport() as transport:
        with pytest.raises(httpx.LocalProtocolError):
            await ask(transport, far.request(headers=[(b"a", value)]))
        assert far.connections == 0


@pytest.mark.parametrize(
    "body",
    [b"q" * 30_000_000, Made(*[b"q" * 1_000_000] * 30), Kept(*[b"q" * 1_000_000] * 30).sized()],
    ids=["whole", "streamed", "sized"],
)
@on_both_loops
async def test_an_early_refusal_of_a_large_body_is_heard_at_once(body):
    refused = asyncio.Event()

    async def script(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\n")
        await refused.wait()
        writer.write(b"no")
        await reader.read(1)
        return False

    async with FarEnd(script) as far, H1Transport() as transport:
        for connections in (1, 2):
            refused.clear()
            reply = await reply_to(transport, far.request(body))
            refused.set()
            assert (reply.status, await read(reply)) == (413, b"no")
            assert far.connections == connections


# Timeouts


@on_both_loops
async def test_silence_before_the_answer_is_a_read_timeout():
    async with FarEnd(says_and_waits(b"")) as far, H1Transport() as transport:
        began = time.monotonic()
        with pytest.raises(httpx.ReadTimeout):
            await ask(transport, far.request(read=0.2))
        assert 0.19 < time.monotonic() - began < 10
        await until(lambda: not far.tasks)


@on_both_loops
async def test_only_silence_counts_as_silence():
    async def script(reader, writer):
        await read_request(reader)
        writer.write(CHUNKED)
        for _ in range(4):
            writer.write(b"1\r\na\r\n")
            await asyncio.sleep(0.15)
        await reader.read()

    async with FarEnd(script) as far, H1Transport() as transport:
        got: list[bytes] = []
        began = time.monotonic()
        with pytest.raises(httpx.ReadTimeout):
            await pour(await reply_to(transport, far.request(read=0.6)), got.append)
        assert b"".join(got) == b"aaaa"
        assert 1.0 < time.monotonic() - began < 10


@pytest.mark.parametrize("poured", [True, False])
@on_both_loops
async def test_patience_can_be_set_anew_for_the_body(poured):
    async with FarEnd(says_and_waits(HALF)) as far, H1Transport() as transport:
        reply = await reply_to(transport, far.request(read=20))
        reply.patience = 0.1
        began = time.monotonic()
        with pytest.raises(httpx.ReadTimeout):
            await (pour(reply, lambda _: None) if poured else read(reply))
        assert time.monotonic() - began < 10


@on_both_loops
async def test_without_a_timeout_silence_may_last():
    async with FarEnd(says(b"", HELLO)) as far, H1Transport() as transport:
        assert await ask(transport, far.request(connect=None, read=None, write=None, pool=None)) == b"hello"


@on_both_loops
async def test_a_slow_reader_is_not_a_silent_provider():
    async with FarEnd(says_and_waits(HALF)) as far, H1Transport() as transport:
        reply = await reply_to(transport, far.request(read=0.25))
        await asyncio.sleep(0.6)
        assert not reply.complete
        assert await anext(reply) == b"half"
        await reply.aclose()


@on_both_loops
async def test_a_reply_on_hold_is_not_a_silent_provider():
    async with FarEnd(says_and_waits(HALF)) as far, H1Transport() as transport:
        reply = await reply_to(transport, far.request(read=0.25))
        reply.hold(True)
        got: list[bytes] = []
        pouring = asyncio.create_task(pour(reply, got.append))
        await asyncio.sleep(0.6)
        assert not reply.complete
        reply.hold(False)
        with pytest.raises(httpx.ReadTimeout):
            await pouring
        assert got == [b"half"]


@on_both_loops
async def test_a_provider_that_takes_a_request_slowly_is_not_silent():
    async def script(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(0.6)
        await reader.readexactly(20_000_000)
        writer.write(HELLO)

    async with FarEnd(script) as far, H1Transport() as transport:
        assert await ask(transport, far.request(b"q" * 20_000_000, read=0.25)) == b"hello"


@pytest.mark.parametrize("body", [b"q" * 20_000_000, Made(b"q" * 20_000_000)], ids=["whole", "streamed"])
@on_both_loops
async def test_a_provider_that_hangs_up_during_a_request_is_noticed_at_once(body):
    async def script(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(0.05)
        return resets(writer)

    async with FarEnd(script) as far, H1Transport() as transport:
        began = time.monotonic()
        with pytest.raises(httpx.ReadError):
            await ask(transport, far.request(body))
        assert time.monotonic() - began < 10


@on_both_loops
async def test_a_provider_that_stops_reading_is_a_write_timeout():
    async def script(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.Event().wait()

    async with FarEnd(script) as far, H1Transport() as transport:
        with pytest.raises(httpx.WriteTimeout):
            await ask(transport, far.request(b"q" * 20_000_000, write=0.2))
        with pytest.raises(httpx.WriteTimeout):
            await ask(transport, far.request(Made(b"q" * 20_000_000), write=0.2))


@on_both_loops
async def test_a_refused_connection_fails_in_words():
    async with FarEnd(says(HELLO)) as far:
        pass
    async with H1Transport() as transport:
        with pytest.raises(httpx.ConnectError) as caught:
            await ask(transport, far.request())
    assert str(caught.value) == f"No connection to 127.0.0.1 port {far.port}: Connection refused."


@on_both_loops
async def test_only_http_and_https_are_spoken():
    async with H1Transport() as transport:
        with pytest.raises(httpx.UnsupportedProtocol):
            await ask(transport, httpx.Request("POST", "ftp://127.0.0.1/", stream=httpx.ByteStream(b"")))


# Taking turns


@on_both_loops
async def test_no_more_connections_than_allowed_and_everyone_gets_a_turn():
    async def script(reader, writer):
        await read_request(reader)
        await asyncio.sleep(0.01)
        writer.write(HELLO)

    async with FarEnd(script) as far, H1Transport(max_connections=2) as transport:
        assert await asyncio.gather(*[ask(transport, far.request()) for _ in range(20)]) == [b"hello"] * 20
        assert far.connections == 2


@on_both_loops
async def test_turns_pass_on_where_every_connection_ends_with_its_answer():
    async with (
        FarEnd(says(HELLO, then_closes=True)) as far,
        H1Transport(max_connections=1) as transport,
    ):
        assert await asyncio.gather(*[ask(transport, far.request()) for _ in range(10)]) == [b"hello"] * 10


@on_both_loops
async def test_whoever_cannot_connect_passes_the_turn_on():
    async with FarEnd(says(HELLO)) as far:
        pass
    async with H1Transport(max_connections=1) as transport:
        asking = [ask(transport, far.request()) for _ in range(4)]
        failures = await asyncio.gather(*asking, return_exceptions=True)
    assert all(isinstance(failure, httpx.ConnectError) for failure in failures)


@on_both_loops
async def test_waiting_for_a_turn_has_its_limit():
    async with FarEnd(says_and_waits(HALF)) as far, H1Transport(max_connections=2) as transport:
        held = [await reply_to(transport, far.request()) for _ in range(2)]
        with pytest.raises(httpx.PoolTimeout):
            await reply_to(transport, far.request(pool=0.1))
        await held[0].aclose()
        await (await reply_to(transport, far.request())).aclose()


# Leaving


@pytest.mark.parametrize("raw", [b"", CHUNKED + b"1\r\na\r\n"], ids=["before the answer", "midway"])
@on_both_loops
async def test_a_cancelled_request_hangs_up(raw):
    async with FarEnd(says_and_waits(raw)) as far, H1Transport() as transport:
        task = asyncio.create_task(ask(transport, far.request()))
        await until(lambda: far.connections)
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(lambda: not far.tasks)


@on_both_loops
async def test_a_reply_left_midway_takes_its_connection_along():
    async with FarEnd(says_and_waits(HALF)) as far, H1Transport() as transport:
        reply = await reply_to(transport, far.request())
        waiting = asyncio.create_task(reply.pour(lambda _: None))
        await asyncio.sleep(0.02)
        await reply.aclose()
        with pytest.raises(httpx.StreamClosed):
            await waiting
        await until(lambda: not far.tasks)


@on_both_loops
async def test_a_cancelled_pour_leaves_the_sink_in_peace():
    more = asyncio.Event()

    async def script(reader, writer):
        await read_request(reader)
        writer.write(CHUNKED + b"1\r\na\r\n")
        await more.wait()
        writer.write(b"1\r\nb\r\n")
        await reader.read()
        return False

    async with FarEnd(script) as far, H1Transport() as transport:
        reply = await reply_to(transport, far.request())
        got: list[bytes] = []
        pouring = asyncio.create_task(reply.pour(got.append))
        await until(lambda: got)
        pouring.cancel()
        more.set()
        await until(lambda: reply.unread)
        assert got == [b"a"]
        await reply.aclose()


@on_both_loops
async def test_a_closed_reply_is_never_taken_for_a_whole_one():
    async with FarEnd(says(HELLO)) as far, H1Transport() as transport:
        reply = await reply_to(transport, far.request())
        await until(lambda: reply.complete)
        await reply.aclose()
        with pytest.raises(httpx.StreamClosed):
            await anext(reply)


@on_both_loops
async def test_closing_the_transport_ends_what_is_under_way():
    endless = b"HTTP/1.1 200 OK\r\n\r\nuntil the end"
    async with FarEnd(says_and_waits(endless)) as far:
        transport = H1Transport(max_connections=1)
        reply = await reply_to(transport, far.request())
        queued = asyncio.create_task(reply_to(transport, far.request()))
        await asyncio.sleep(0.02)
        await transport.aclose()
        with pytest.raises(httpx.ReadError, match="The gateway closed the connection"):
            await read(reply)
        with pytest.raises(httpx.ConnectError):
            await queued
        with pytest.raises(RuntimeError):
            await reply_to(transport, far.request())
        await until(lambda: not far.tasks)


@on_both_loops
async def test_closing_the_transport_leaves_no_connection_that_was_just_being_made(monkeypatch):
    reached = asyncio.Event()
    transport = H1Transport()
    loop = asyncio.get_running_loop()
    connect = loop.create_connection

    async def create_connection(*args, **kwargs):
        await reached.wait()
        return await connect(*args, **kwargs)

    monkeypatch.setattr(loop, "create_connection", create_connection)
    async with FarEnd(says(HELLO)) as far:
        asking = asyncio.create_task(reply_to(transport, far.request()))
        await settle()
        await transport.aclose()
        reached.set()
        with pytest.raises(httpx.ConnectError):
            await asking
        await until(lambda: far.connections and not far.tasks)


# Pouring


@on_both_loops
async def test_pour_hands_every_block_to_the_sink():
    raw = CHUNKED + b"3\r\nabc\r\n" * 100 + b"0\r\n\r\n"
    pieces = [raw[i : i + 37] for i in range(0, len(raw), 37)]
    async with FarEnd(says(*pieces)) as far, H1Transport() as transport:
        for _ in range(2):
            got: list[bytes] = []
            reply = await reply_to(transport, far.request())
            await pour(reply, got.append)
            assert b"".join(got) == b"abc" * 100
        assert far.connections == 1


@on_both_loops
async def test_pour_delivers_what_came_before_an_error():
    async with FarEnd(says(HALF, then_closes=True)) as far, H1Transport() as transport:
        got: list[bytes] = []
        with pytest.raises(httpx.RemoteProtocolError):
            await pour(await reply_to(transport, far.request()), got.append)
        assert got == [b"half"]


class SinkIsFull(Exception):
    """What a sink of ours raises."""


def fails_on(number, got):
    def sink(block):
        got.append(block)
        if len(got) == number:
            raise SinkIsFull

    return sink


@pytest.mark.parametrize("number", [1, 2])
@on_both_loops
async def test_a_failing_sink_cuts_the_connection_and_its_error_comes_out_of_pour(number):
    more = asyncio.Event()

    async def script(reader, writer):
        await read_request(reader)
        writer.write(CHUNKED + b"1\r\na\r\n")
        await more.wait()
        writer.write(b"1\r\nb\r\n")
        await reader.read()
        return False

    async with FarEnd(script) as far, H1Transport(max_connections=1) as transport:
        for connections in (1, 2):
            more.clear()
            got: list[bytes] = []
            reply = await reply_to(transport, far.request())
            await until(lambda reply=reply: reply.unread)
            asyncio.get_running_loop().call_later(0.02, more.set)
            with pytest.raises(SinkIsFull):
                await reply.pour(fails_on(number, got))
            assert got == [b"a", b"b"][:number]
            await until(lambda: not far.tasks)
            assert far.connections == connections


@on_both_loops
async def test_a_sink_that_fails_on_the_last_block_spoils_nothing():
    async def script(reader, writer):
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n")
        await asyncio.sleep(0.05)
        writer.write(b"hello")

    async with FarEnd(script) as far, H1Transport() as transport:
        with pytest.raises(SinkIsFull):
            await pour(await reply_to(transport, far.request()), fails_on(1, []))
        assert await ask(transport, far.request()) == b"hello"
        assert far.connections == 1


@on_both_loops
async def test_a_sink_may_hold_and_let_go_without_losing_or_reordering_a_byte():
    body = bytes(range(256)) * 40_000
    raw = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body)
    async with FarEnd(says(raw, body)) as far, H1Transport() as transport:
        reply = await reply_to(transport, far.request())
        got, early, loop = bytearray(), [], asyncio.get_running_loop()

        def let_go():
            reply.hold(False)

        def sink(block):
            if reply.on_hold:
                early.append(block)
            got.extend(block)
            reply.hold(True)
            loop.call_soon(let_go)

        await pour(reply, sink)
        assert got == body
        assert early == []
        assert await ask(transport, far.request()) == body
        assert far.connections == 1


@on_both_loops
async def test_holding_stops_the_provider():
    sent = 0

    async def script(reader, writer):
        nonlocal sent
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % (48 * 1024 * 1024))
        while sent < 48 * 1024 * 1024:
            writer.write(b"z" * 65536)
            sent += 65536
            await writer.drain()

    async with FarEnd(script) as far, H1Transport() as transport:
        reply = await reply_to(transport, far.request())
        reply.hold(True)
        size = 0

        def sink(block):
            nonlocal size
            size += len(block)

        pouring = asyncio.create_task(pour(reply, sink))
        await asyncio.sleep(0.2)
        assert (size, sent < 24_000_000, reply.unread < 2_000_000) == (0, True, True)
        reply.hold(False)
        await pouring
        assert size == 48 * 1024 * 1024


@on_both_loops
async def test_a_reply_that_nobody_reads_stops_the_provider():
    sent = 0

    async def script(reader, writer):
        nonlocal sent
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % (48 * 1024 * 1024))
        while sent < 48 * 1024 * 1024:
            writer.write(b"z" * 65536)
            sent += 65536
            await writer.drain()

    async with FarEnd(script) as far, H1Transport() as transport:
        reply = await reply_to(transport, far.request())
        await asyncio.sleep(0.2)
        assert sent < 24_000_000
        assert reply.unread < 2_000_000
        assert len(await read(reply)) == 48 * 1024 * 1024


# TLS and addresses


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A throw-away certificate for localhost, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    path = tmp_path_factory.mktemp("tls") / "localhost.pem"
    path.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain) + signed.public_bytes(pem))
    return path


@pytest.fixture
def served(certificate):
    """The context of a provider that shows this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.fixture
def trusting(certificate):
    """The context of a gateway that trusts it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(certificate)
    return context


@on_both_loops
async def test_a_tls_connection_is_kept_alive_and_poured_from(served, trusting):
    raw = CHUNKED + b"3\r\nabc\r\n" * 1000 + b"0\r\n\r\n"
    async with FarEnd(says(raw[:500], raw[500:]), served) as far, H1Transport(tls=trusting) as transport:
        for _ in range(3):
            got: list[bytes] = []
            question = far.request(scheme="https", host="localhost")
            await pour(await reply_to(transport, question), got.append)
            assert b"".join(got) == b"abc" * 1000
        assert far.connections == 1


@on_both_loops
async def test_the_certificate_must_name_the_host_that_was_meant_not_the_address_dialled(served, trusting):
    async with FarEnd(says(HELLO), served) as far, H1Transport(tls=trusting) as transport:
        assert await ask(transport, far.request(scheme="https", host="localhost")) == b"hello"
        with pytest.raises(httpx.ConnectError, match=r"IP address mismatch"):
            await ask(transport, far.request(scheme="https", host="127.0.0.1"))


@on_both_loops
async def test_an_unknown_certificate_is_refused_in_words(served):
    async with FarEnd(says(HELLO), served) as far, H1Transport() as transport:
        with pytest.raises(
            httpx.ConnectError, match=r"^No connection to localhost port \d+: self-signed certificate\.$"
        ):
            await ask(transport, far.request(scheme="https", host="localhost"))


@on_both_loops
async def test_a_provider_that_does_not_speak_tls_runs_into_the_connect_timeout(trusting):
    async with FarEnd(says(HELLO)) as far, H1Transport(tls=trusting) as transport:
        with pytest.raises(httpx.ConnectTimeout):
            await ask(transport, far.request(scheme="https", host="localhost", connect=0.3))


def resolving_to(monkeypatch, *answers):
    """Let each lookup give the next of these lists of addresses, and the last one ever after."""
    waiting = list(answers)

    async def getaddrinfo(host, port, **_):
        addresses = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        families = {4: socket.AF_INET, 6: socket.AF_INET6}
        return [
            (families[ip_address(address).version], socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses
        ]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)


@on_both_loops
async def test_a_refused_address_is_not_dialled(monkeypatch):
    dialled: list[str] = []
    monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", dialled.append)
    async with H1Transport() as transport:
        with pytest.raises(httpx.ConnectError, match=r"169\.254\.169\.254 is a link-local address"):
            await ask(transport, request(80, host="169.254.169.254"))
    assert dialled == []


@on_both_loops
async def test_each_new_connection_is_judged_anew(monkeypatch):
    resolving_to(monkeypatch, ["127.0.0.1"], ["169.254.169.254"])
    async with FarEnd(says(HELLO, then_closes=True)) as far, H1Transport() as transport:
        assert await ask(transport, far.request(host="rebinding.example")) == b"hello"
        await until(lambda: not far.tasks)
        with pytest.raises(httpx.ConnectError, match="link-local"):
            await ask(transport, far.request(host="rebinding.example"))


@on_both_loops
async def test_the_check_is_the_owners_to_choose():
    async with FarEnd(says(HELLO)) as far, H1Transport(check_address=lambda it: f"Not {it}.") as transport:
        with pytest.raises(httpx.ConnectError, match=r"Not 127\.0\.0\.1\."):
            await ask(transport, far.request())
        assert far.connections == 0


@on_both_loops
async def test_an_odd_spelling_of_an_allowed_address_is_dialled():
    async with FarEnd(says(HELLO)) as far, H1Transport() as transport:
        assert await ask(transport, far.request(host="127.1")) == b"hello"


@on_both_loops
async def test_an_address_that_refuses_gives_way_to_the_next(monkeypatch):
    resolving_to(monkeypatch, ["::1", "127.0.0.1"])
    async with FarEnd(says(HELLO)) as far, H1Transport() as transport:
        assert await ask(transport, far.request(host="two.example")) == b"hello"


@on_both_loops
async def test_a_mute_address_leaves_time_for_the_next_and_is_tried_last_thereafter(monkeypatch):
    resolving_to(monkeypatch, ["10.0.0.1", "127.0.0.1"])
    loop, dialled = asyncio.get_running_loop(), []
    connect = loop.create_connection

    async def create_connection(factory, address, port, **others):
        dialled.append(address)
        if address == "10.0.0.1":
            await asyncio.Event().wait()
        return await connect(factory, address, port, **others)

    monkeypatch.setattr(loop, "create_connection", create_connection)
    async with FarEnd(says(HELLO, then_closes=True)) as far, H1Transport() as transport:
        assert await ask(transport, far.request(host="two.example", connect=1.6)) == b"hello"
        await until(lambda: not far.tasks)
        assert await ask(transport, far.request(host="two.example", connect=1.6)) == b"hello"
    assert dialled == ["10.0.0.1", "127.0.0.1", "127.0.0.1"]


@on_both_loops
async def test_a_resolver_that_never_answers_runs_into_the_connect_timeout(monkeypatch):
    async def getaddrinfo(*_, **__):
        await asyncio.Event().wait()

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    async with H1Transport() as transport:
        with pytest.raises(httpx.ConnectTimeout):
            await ask(transport, request(80, host="mute.example", connect=0.1))


# Any pieces: over a wire made of calls, so that each piece is exactly one block for the protocol


class Wire(asyncio.Transport):
    """A socket made of calls: what is fed to it, the protocol receives."""

    def __init__(self):
        super().__init__()
        self.closing, self.paused, self.questions = False, False, 0

    async def connect(self, factory, *_, **__):
        self.protocol = factory()
        self.protocol.connection_made(self)
        return self, self.protocol

    def feed(self, data):
        if data and not self.closing:
            self.protocol.data_received(data)

    def write(self, data):
        self.questions += 1

    def abort(self):
        if not self.closing:
            self.closing = True
            asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None)

    def is_closing(self):
        return self.closing

    def get_write_buffer_size(self):
        return 0

    def pause_reading(self):
        self.paused = True

    def resume_reading(self):
        self.paused = False


@contextlib.asynccontextmanager
async def over_wires(**options):
    """A transport, and the list of the wires it opens."""
    wires, loop = [], asyncio.get_running_loop()

    async def create_connection(*args, **kwargs):
        wires.append(Wire())
        return await wires[-1].connect(*args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "create_connection", create_connection)
        async with H1Transport(**options) as transport:
            yield transport, wires


async def began(transport, wires):
    """Ask something and return the task, once the question is on the last of the wires."""
    asking = asyncio.create_task(reply_to(transport, request(9)))
    await settle()
    assert wires[-1].questions == 1
    wires[-1].questions = 0
    return asking


async def answered(pieces, then_ends, poured):
    """Answer with these pieces: the body that was read, and whether the connection was kept."""
    async with over_wires() as (transport, wires):
        asking = await began(transport, wires)
        for piece in pieces:
            wires[0].feed(piece)
        if then_ends:
            wires[0].abort()
        reply = await asking
        got: list[bytes] = []
        if poured:
            await reply.pour(got.append)
        else:
            got = [part async for part in reply]
        return b"".join(got), not wires[0].closing


def cut_at(raw, places):
    return [raw[start:end] for start, end in pairwise([0, *sorted(places), len(raw)])]


TEXT = 'data: {"text":"Grüße, 世界 👋🏽 \u2028\u0085  e\u0301"}\n\n'.encode()
REPLIES = {
    "with a length": b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(TEXT), TEXT),
    "chunked": CHUNKED + b"%x\r\n%b\r\n%x;e=1\r\n%b\r\n0\r\nt: 1\r\n\r\n" % (9, TEXT[:9], len(TEXT) - 9, TEXT[9:]),
    "after an interim one": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b"
    % (len(TEXT), TEXT),
    "until the end": b"HTTP/1.1 200 OK\r\n\r\n" + TEXT,
}


@settings(deadline=None, max_examples=80)
@given(st.data())
def test_any_chunking_of_an_answer_gives_the_same_body(data):
    name = data.draw(st.sampled_from(sorted(REPLIES)))
    places = data.draw(st.sets(st.integers(0, len(REPLIES[name]))))
    ends = name == "until the end"
    got = asyncio.run(answered(cut_at(REPLIES[name], places), ends, poured=data.draw(st.booleans())))
    assert got == (TEXT, not ends)


def test_text_split_inside_any_character_is_byte_identical():
    async def everywhere():
        raw = REPLIES["chunked"]
        return [await answered(cut_at(raw, [place]), False, poured=True) for place in range(len(raw))]

    assert set(asyncio.run(everywhere())) == {(TEXT, True)}


TOKENS = (
    *(
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.0 200\r\n",
        b"HTTP/1.1 204 No\r\n\r\n",
        b"HTTP/1.1 100 C\r\n\r\n",
        b"HTTP/9",
    ),
    *(b"content-length: 5\r\n", b"content-length: -1\r\n", b"content-length: 99999999999999999999\r\n"),
    *(b"transfer-encoding: chunked\r\n", b"transfer-encoding: gzip\r\n", b"connection: close\r\n"),
    *(
        b"upgrade: x\r\nconnection: upgrade\r\n",
        b"\r\n",
        b"\n",
        b"\r",
        b": ",
        b"\0",
        b"\xff\xfe",
        b"a: b\r\n c\r\n",
    ),
    *(b"5\r\nhello\r\n", b"0\r\n\r\n", b"ffffffffffffffffff\r\n", b"hello", HELLO, EVIL),
)


@settings(deadline=None, max_examples=100)
@given(st.lists(st.sampled_from(TOKENS) | st.binary(max_size=8), max_size=12), st.booleans())
def test_a_malformed_answer_neither_hangs_nor_keeps_its_place(pieces, poured):
    async def feed_and_leave():
        async with over_wires(max_connections=1) as (transport, wires):
            asking = await began(transport, wires)
            for piece in pieces:
                wires[0].feed(piece)
                await asyncio.sleep(0)
            reading = asyncio.create_task(read_somehow(asking, poured))
            await asyncio.sleep(0)
            if not reading.done() and not wires[0].protocol.pool.idle:
                wires[0].abort()
            async with asyncio.timeout(20):
                await reading
                await settle()
            # The one place is free again: the next question is answered, and by its own answer.
            next_one = await began(transport, wires)
            wires[-1].feed(HELLO)
            assert await read(await next_one) == b"hello"

    asyncio.run(feed_and_leave())


async def read_somehow(asking, poured):
    with contextlib.suppress(httpx.TransportError):
        reply = await asking
        await (pour(reply, lambda _: None) if poured else read(reply))


async def settle():
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_block_that_comes_after_the_brake_waits_for_the_end_of_the_hold():
    async with over_wires() as (transport, wires):
        asking = await began(transport, wires)
        wires[0].feed(CHUNKED + b"1\r\na\r\n")
        reply = await asking
        got: list[bytes] = []
        pouring = asyncio.create_task(pour(reply, got.append))
        await settle()
        reply.hold(True)
        wires[0].feed(b"1\r\nb\r\n")
        wires[0].feed(b"1\r\nc\r\n0\r\n\r\n")
        await settle()
        assert (got, wires[0].paused, pouring.done()) == ([b"a"], False, False)
        reply.hold(False)
        await pouring
        assert got == [b"a", b"bc"]


async def test_an_error_that_comes_during_a_hold_follows_the_bytes_before_it():
    async with over_wires() as (transport, wires):
        asking = await began(transport, wires)
        wires[0].feed(CHUNKED)
        reply = await asking
        got: list[bytes] = []
        pouring = asyncio.create_task(pour(reply, got.append))
        await settle()
        reply.hold(True)
        assert wires[0].paused
        wires[0].feed(b"1\r\na\r\n")
        wires[0].abort()
        await settle()
        assert (got, pouring.done()) == ([], False)
        reply.hold(False)
        with pytest.raises(httpx.RemoteProtocolError):
            await pouring
        assert got == [b"a"]


async def test_a_connection_lost_before_the_question_is_an_error_not_a_wait():
    async with over_wires() as (transport, _):
        connect = Wire.connect

        async def connect_and_lose(self, *args, **kwargs):
            made = await connect(self, *args, **kwargs)
            self.feed(b"HTTP/1.1 503 Full\r\ncontent-length: 0\r\n\r\n")
            await settle()
            return made

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Wire, "connect", connect_and_lose)
            with pytest.raises(httpx.RemoteProtocolError, match="before it was asked"):
                await reply_to(transport, request(9, read=None))


async def test_a_turn_given_to_someone_who_leaves_is_passed_on():
    async with over_wires(max_connections=1) as (transport, wires):
        asking = await began(transport, wires)
        leaving, staying = [asyncio.create_task(ask(transport, request(9))) for _ in range(2)]
        await settle()
        wires[0].feed(HELLO)
        leaving.cancel()
        assert await read(await asking) == b"hello"
        await settle()
        wires[0].feed(HELLO)
        assert await staying == b"hello"
        assert leaving.cancelled()


async def test_a_connection_that_is_just_being_cut_is_not_used_again():
    async with over_wires() as (transport, wires):
        asking = await began(transport, wires)
        wires[0].feed(HELLO)
        assert await read(await asking) == b"hello"
        asyncio.get_running_loop().call_soon(lambda: wires[1].feed(HELLO))
        wires[0].feed(b"?")
        assert await ask(transport, request(9)) == b"hello"
        assert len(wires) == 2
