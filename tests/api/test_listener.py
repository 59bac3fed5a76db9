"""The door over real sockets: open, close, restart, a taken port, and what becomes of those inside."""

import asyncio
import socket
import time
from typing import Any

import httpx
import psutil
import pytest

from api.errors import PortRefused, PortTaken, RunningNow
from api.listener import Failed, Running, Stopped, Stopping
from tests.conftest import Api
from tests.fakes import chat_frames, far_end, says

SLOW = {"model": "morello:slow", "stream": True, "messages": [{"role": "user", "content": "word " * 100}]}
PATHS = ["/v1/chat/completions", "/v1/messages"]


@pytest.fixture
def taken() -> Any:
    """A port that somebody holds."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        yield holder.getsockname()[1]


async def begun(client: httpx.AsyncClient, path: str = PATHS[0]) -> "tuple[asyncio.Task[str], asyncio.Event]":
    """A stream that runs: what it will have said in the end, and an event for its first bytes."""
    first = asyncio.Event()

    async def read() -> str:
        text = b""
        try:
            async with client.stream("POST", path, json=SLOW) as got:
                async for part in got.aiter_raw():
                    text += part
                    first.set()
        except httpx.HTTPError as error:
            text += f"<{type(error).__name__}>".encode()
        return text.decode()

    task = asyncio.create_task(read())
    async with asyncio.timeout(5):
        await first.wait()
    return task, first


async def test_a_taken_port_fails_in_words_and_names_its_holder(closed_api: Api, taken: int) -> None:
    state = await closed_api.listener.open(taken)
    assert isinstance(state, Failed)
    assert isinstance(state.reason, PortTaken)
    assert state.reason.holder.pid == psutil.Process().pid
    assert f"Port {taken} is already in use" in str(state.reason)
    assert "EADDRINUSE" in str(state.reason)
    assert not closed_api.listener.is_open


async def test_the_free_port_that_a_failure_names_can_be_used(closed_api: Api, taken: int) -> None:
    state = await closed_api.listener.open(taken)
    assert isinstance(state, Failed)
    assert isinstance(state.reason, PortTaken)
    assert state.reason.free
    assert isinstance(await closed_api.listener.open(state.reason.free), Running)


async def test_another_morello_is_recognised(api: Api, closed_api: Api) -> None:
    port = api.listener.port
    assert port
    reason = await _explain(port)
    assert reason.holder.is_morello


async def _explain(port: int) -> PortTaken:
    from api import ports

    return await ports.explain(port)


async def test_it_listens_on_127_0_0_1_and_nowhere_else(api: Api) -> None:
    listening = [
        connection.laddr
        for connection in psutil.Process().net_connections("inet")
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port == api.listener.port
    ]
    assert [address.ip for address in listening] == ["127.0.0.1"]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", api.listener.port or 0), 1)


@pytest.mark.parametrize("path", PATHS)
async def test_stop_cuts_a_stream_with_an_error_and_no_success_marker(api: Api, path: str) -> None:
    async with api.client() as client:
        stream, _ = await begun(client, path)
        began = time.monotonic()
        cut = await api.listener.close()
        took = time.monotonic() - began
        text = await stream
    assert cut == 1
    assert took < 0.5
    assert "Morello was stopped by its owner" in text.rstrip().splitlines()[-1]
    assert "[DONE]" not in text
    assert "message_stop" not in text
    assert [row.error for row in await api.rows()] == ["server_stopped"]


async def test_stop_refuses_new_callers_and_closes_idle_connections_within_100_ms(api: Api) -> None:
    idle = [await asyncio.open_connection("127.0.0.1", api.listener.port) for _ in range(20)]
    async with api.client() as client:
        await client.get("/health")
        began = time.monotonic()
        stopping = asyncio.create_task(api.listener.close())
        async with asyncio.timeout(2):
            for reader, writer in idle:
                assert await reader.read() == b""
                writer.close()
        assert time.monotonic() - began < 0.1
        await stopping
        with pytest.raises(httpx.ConnectError):
            await client.get("/health")


async def test_stop_during_twenty_streams_and_calls_leaves_nothing_behind(api: Api) -> None:
    async with far_end(says(*chat_frames(["x"] * 1000), pause=0.02)) as far, api.client() as client:
        await api.gateway.providers.add("far", "openai_chat", f"{far.url}/v1", None)
        body = {**SLOW, "model": "far:m"}

        async def call() -> str:
            return (await client.post(PATHS[0], json=body)).text

        streams = [asyncio.create_task(call()) for _ in range(20)]
        while api.app.ctx.calls.streams < 20:
            await asyncio.sleep(0.01)
        assert await api.listener.close() == 20
        texts = await asyncio.gather(*streams)
    assert all("stopped by its owner" in text for text in texts)
    assert len(api.app.ctx.calls) == 0
    assert [row.error for row in await api.rows()] == ["server_stopped"] * 20


async def test_a_call_that_still_waits_for_its_provider_is_told_503(api: Api) -> None:
    async with far_end(lambda _r, _w: asyncio.sleep(30)) as far, api.client() as client:
        await api.gateway.providers.add("far", "openai_chat", f"{far.url}/v1", None)
        waiting = asyncio.create_task(client.post(PATHS[0], json={**SLOW, "model": "far:m"}))
        while not far.received:
            await asyncio.sleep(0.01)
        await api.listener.close()
        got = await waiting
        assert (got.status_code, got.headers["connection"]) == (503, "close")
        async with asyncio.timeout(1):
            await far.hung_up.wait()


async def test_a_drain_lets_streams_end_and_a_second_stop_hurries(api: Api) -> None:
    short = {**SLOW, "messages": [{"role": "user", "content": "one two three"}]}
    async with api.client() as client:
        ending = asyncio.create_task(client.post(PATHS[0], json=short))
        while not api.app.ctx.calls.streams:
            await asyncio.sleep(0.01)
        assert await api.listener.close(drain=10) == 0
        assert (await ending).text.endswith("data: [DONE]\n\n")

        await api.listener.open(0)
        client.base_url = httpx.URL(api.url)
        stream, _ = await begun(client)
        stopping = asyncio.create_task(api.listener.close(drain=30))
        await asyncio.sleep(0.05)
        assert isinstance(api.listener.state, Stopping)
        began = time.monotonic()
        await api.listener.close()
        assert await stopping == 1
        assert time.monotonic() - began < 1
        await stream


async def test_restart_keeps_the_port_and_cuts_the_streams(api: Api) -> None:
    port = api.listener.port
    async with api.client() as client:
        stream, _ = await begun(client)
        state = await api.listener.restart()
        assert isinstance(state, Running)
        assert state.port == port
        assert "Morello was restarted" in await stream
        assert (await client.get("/v1/models")).status_code == 200


async def test_restart_never_lets_go_of_the_listening_socket(api: Api) -> None:
    refused = 0
    done = asyncio.Event()

    async def knock() -> None:
        nonlocal refused
        while not done.is_set():
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", api.listener.port)
                writer.close()
            except ConnectionRefusedError:
                refused += 1
            await asyncio.sleep(0)

    knocking = asyncio.create_task(knock())
    for _ in range(10):
        await api.listener.restart()
    done.set()
    await knocking
    assert refused == 0


async def test_fifty_transitions_at_once_end_in_a_state_that_is_true(api: Api) -> None:
    port = api.listener.port
    assert port
    moves = [api.listener.open(port), api.listener.close(), api.listener.restart()] * 16
    await asyncio.gather(*moves, api.listener.open(port), api.listener.open(port))
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()
        listening = True
    except ConnectionRefusedError:
        listening = False
    assert listening == api.listener.is_open


class TestTheOwner:
    async def test_start_and_stop_are_remembered_across_restarts_of_the_program(
        self, closed_api: Api, free_port: int
    ) -> None:
        await closed_api.door.move(free_port)
        await closed_api.door.start()
        assert closed_api.gateway.settings.api_wanted
        await closed_api.door.stop()
        assert not closed_api.gateway.settings.api_wanted
        assert _saved(closed_api)["api_wanted"] == "false"

    @pytest.mark.parametrize("wanted", [True, False])
    async def test_a_failed_start_changes_no_wish(self, closed_api: Api, taken: int, wanted: bool) -> None:
        await closed_api.gateway.choices.change(port=taken, api_wanted=wanted)
        assert isinstance(await closed_api.door.start(), Failed)
        assert closed_api.gateway.settings.api_wanted is wanted

    async def test_port_and_key_are_fixed_while_running(self, api: Api) -> None:
        key, port = api.key, api.gateway.settings.port
        with pytest.raises(RunningNow):
            await api.door.move(5000)
        with pytest.raises(RunningNow):
            await api.door.regenerate()
        assert (api.key, api.gateway.settings.port) == (key, port)

    @pytest.mark.parametrize("port", [999, 65536, 0, -1])
    async def test_a_port_out_of_range_is_refused(self, closed_api: Api, port: int) -> None:
        with pytest.raises(PortRefused, match="from 1000 to 65535"):
            await closed_api.door.move(port)

    @pytest.mark.parametrize("port", [1000, 65535])
    async def test_the_ends_of_the_range_are_ports(self, closed_api: Api, port: int) -> None:
        await closed_api.door.move(port)
        assert closed_api.gateway.settings.port == port

    async def test_the_dashboards_own_port_is_refused(self, closed_api: Api) -> None:
        closed_api.gateway.dashboard = "http://127.0.0.1:23300"
        with pytest.raises(PortRefused, match="dashboard's own"):
            await closed_api.door.move(23300)

    async def test_a_move_after_a_failure_clears_it(self, closed_api: Api, taken: int, free_port: int) -> None:
        await closed_api.gateway.choices.change(port=taken)
        await closed_api.door.start()
        await closed_api.door.move(free_port)
        assert isinstance(closed_api.door.state, Stopped)
        assert isinstance(await closed_api.door.start(), Running)

    async def test_the_old_key_is_dead_at_once_on_old_and_new_connections(
        self, closed_api: Api, free_port: int
    ) -> None:
        await closed_api.door.move(free_port)
        await closed_api.door.start()
        old = closed_api.key
        async with closed_api.client() as kept:
            assert (await kept.get("/v1/models")).status_code == 200
            await closed_api.door.stop()
            new = await closed_api.door.regenerate()
            await closed_api.door.start()
            assert (await kept.get("/v1/models")).status_code == 401
        async with closed_api.client(old) as again:
            assert (await again.get("/v1/models")).status_code == 401
        async with closed_api.client(new) as fresh:
            assert (await fresh.get("/v1/models")).status_code == 200

    async def test_status_says_what_is(self, api: Api, home: Any) -> None:
        status = api.door.status()
        assert (status.state, status.reason, status.port) == ("running", None, api.listener.port)
        assert status.address == f"http://127.0.0.1:{api.listener.port}"


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _saved(api: Api) -> dict[str, str]:
    from api.store import settings

    return api.gateway.store.load(settings.load)
