"""Ports of this machine: who has one, and which is free."""

import asyncio
import errno
import os
import socket
import time
from contextlib import asynccontextmanager, contextmanager

import pytest

from api import ports
from api.errors import Holder, PortRefused, PortTaken


@contextmanager
def held(address="127.0.0.1", port=0):
    """A port that somebody listens on and never answers."""
    with socket.socket() as holder:
        holder.bind((address, port))
        holder.listen()
        yield holder.getsockname()[1]


@asynccontextmanager
async def answering(*pieces, pause=0.0):
    """A port whose holder answers everything with `pieces`, then closes."""
    answers: set[asyncio.Task[None]] = set()

    async def answer(reader, writer):
        task = asyncio.current_task()
        assert task is not None
        answers.add(task)
        try:
            await reader.read(1000)
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(pause)
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in answers:
            task.cancel()
        await asyncio.gather(*answers, return_exceptions=True)
        await asyncio.sleep(0)


HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n"
HELLO = b'{"status":"ok","name":"Morello","version":"9","dashboard":"http://127.0.0.1:23301"}'


# Binding


def test_a_free_port_is_bound_on_loopback_alone():
    with ports.bind(0) as door:
        address, port = door.getsockname()
    assert address == "127.0.0.1"
    assert port > 0


def test_a_port_that_was_bound_is_taken_before_anybody_is_let_in():
    with ports.bind(0) as door, pytest.raises(PortTaken):
        ports.bind(door.getsockname()[1]).close()


def test_a_taken_port_fails_in_words():
    with held() as port, pytest.raises(PortTaken) as taken:
        ports.bind(port)
    assert f"Port {port} is already in use" in str(taken.value)
    assert "EADDRINUSE" in str(taken.value)
    assert taken.value.port == port


def test_a_port_held_on_every_address_is_taken_too():
    with held("0.0.0.0") as port, pytest.raises(PortTaken):
        ports.bind(port)


def test_a_port_whose_connections_are_still_closing_can_be_bound():
    door = ports.bind(0)
    door.listen()
    port = door.getsockname()[1]
    caller = socket.create_connection(("127.0.0.1", port))
    door.setblocking(True)
    accepted, _ = door.accept()
    for end in (accepted, door, caller):  # we close first: the port is left in TIME_WAIT
        end.close()
    ports.bind(port).close()


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (errno.EACCES, "only its administrator use port 80. Choose one from 1024 up."),
        (errno.EADDRNOTAVAIL, "Port 80 cannot be used: .*Choose another port."),
    ],
)
def test_what_the_system_refuses_is_said_in_words(monkeypatch, number, sentence):
    class Refusing(socket.socket):
        def bind(self, address):
            raise OSError(number, os.strerror(number))

    monkeypatch.setattr("api.ports.socket.socket", Refusing)
    with pytest.raises(PortRefused, match=sentence):
        ports.bind(80)


# Who has it


async def test_the_holder_is_named_by_program_and_pid():
    with held() as port:
        taken = await ports.explain(port)
    assert taken.holder.pid == os.getpid()
    assert taken.holder.name
    assert taken.holder.name in str(taken)
    assert f"(pid {os.getpid()})" in str(taken)
    assert taken.holder.user
    assert taken.holder.since is not None
    assert 0 < taken.holder.since <= time.time()
    assert not taken.holder.is_morello


async def test_the_holder_on_every_address_is_named_too():
    with held("0.0.0.0") as port:
        assert (await ports.explain(port)).holder.pid == os.getpid()


async def test_the_sentence_offers_a_port_that_can_be_bound():
    with held() as port:
        taken = await ports.explain(port)
    assert taken.free is not None
    assert port < taken.free <= port + ports.NEAR
    ports.bind(taken.free).close()
    assert f"Use port {taken.free} instead" in str(taken)


async def test_a_silent_holder_is_not_waited_for():
    with held() as port:
        began = time.monotonic()
        taken = await ports.explain(port)
    assert not taken.holder.is_morello
    assert time.monotonic() - began < 10


async def test_a_holder_that_drips_is_not_waited_for():
    async with answering(*[b"x"] * 100, pause=0.05) as port:
        async with asyncio.timeout(10):
            taken = await ports.explain(port)
    assert not taken.holder.is_morello


async def test_another_morello_is_recognised_by_its_greeting():
    async with answering(HEAD + HELLO) as port:
        taken = await ports.explain(port)
    assert taken.holder.is_morello
    assert taken.holder.dashboard == "http://127.0.0.1:23301"
    assert taken.holder.pid == os.getpid()


async def test_a_greeting_may_come_in_pieces():
    async with answering(HEAD[:20], HEAD[20:], HELLO[:10], HELLO[10:], pause=0.02) as port:
        assert (await ports.explain(port)).holder.is_morello


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 404 Not Found\r\n\r\n",
        HEAD + b'{"name":"Other"}',
        HEAD + b'{"name":7}',
        HEAD + b'{"name":"Morello","dashboard":7}',
        HEAD + b"[]",
        HEAD + b"<html>Morello</html>",
        HEAD + b'{"name":"\xff"}',
        HEAD + b'{"x":' + b"[" * 8000,
        HEAD + b'{"x":' * 2500,
        HEAD + b"x" * 1_000_000,
    ],
    ids=lambda answer: repr(answer[-30:]),
)
async def test_any_other_answer_is_another_program(answer):
    async with answering(answer) as port:
        taken = await ports.explain(port)
    assert not taken.holder.is_morello
    assert taken.holder.dashboard is None


async def test_where_nobody_is_shown_it_is_another_program(monkeypatch):
    monkeypatch.setattr(ports, "_holder", lambda port: Holder())
    with held() as port:
        assert f"Port {port} is already in use by another program (EADDRINUSE)." in str(await ports.explain(port))


# Which is free


def test_the_next_free_port_lies_above_and_is_not_one_that_is_held():
    with held() as port:
        first = ports.free_after(port)
        assert first is not None
        with held(port=first):
            second = ports.free_after(port)
    assert second is not None
    assert port < first < second


def test_above_the_highest_port_there_is_none():
    assert ports.free_after(65535) is None


def test_where_none_near_is_free_it_says_so(monkeypatch):
    def taken(port):
        raise PortTaken(port)

    monkeypatch.setattr(ports, "bind", taken)
    assert ports.free_after(20000) is None
    assert "Use another port, or stop that program" in str(PortTaken(20000, free=ports.free_after(20000)))
