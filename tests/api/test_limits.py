"""How long and how large: who has the last word, what may be said, and what is told at the limit."""

import asyncio

import pytest

from api.endpoints import Endpoint
from api.errors import StreamBroken, TooLarge, UpstreamTimeout
from api.limits import KINDS, MIB, NAMES, ROUTES, USUAL, LimitBook, LimitRefused, Limits, require_fit, typed
from api.providers.groups import Policy
from api.providers.provider import Provider
from api.upstream.client import Question
from tests.conftest import opened_store
from tests.fakes import far_end


@pytest.fixture
def book(store):
    return LimitBook(store)


# Who has the last word


def test_the_usual_limits_are_those_of_the_security_table(book):
    assert book.of("openai", "chat") == Limits(
        connect=10, pool=5, write=60, first_byte=300, idle=120, total=3600, body=32, upload=512
    )


def test_a_list_of_models_is_waited_for_less(book):
    assert (book.of("openai", "models").first_byte, book.of("openai", "models").write) == (20, 10)


async def test_the_nearer_word_counts(book):
    words = [("", "", 1.0), ("", "images", 2.0), ("openai", "", 3.0), ("openai", "images", 4.0)]
    places = [(provider, route) for provider in ("groq", "openai") for route in ("chat", "images")]
    seen = []
    for provider, route, seconds in words:
        await book.change(provider, route, {"first_byte": seconds})
        seen.append([book.of(*place).first_byte for place in places])
    assert seen == [[1, 1, 1, 1], [1, 2, 1, 2], [1, 2, 3, 3], [1, 2, 3, 4]]


@pytest.mark.parametrize(
    ("endpoint", "kind"),
    [("completions", "chat"), ("image_edits", "images"), ("transcriptions", "audio"), ("files", "files")],
)
async def test_an_endpoint_has_the_limits_of_its_kind(book, endpoint, kind):
    await book.change("", kind, {"total": 77.0})
    assert book.of("openai", endpoint).total == 77


async def test_what_is_said_of_all_does_not_make_a_list_of_models_slow(book):
    await book.change("", "", {"first_byte": 2000.0})
    assert book.of("openai", "models").first_byte == 20
    await book.change("", "models", {"first_byte": 40.0})
    assert book.of("openai", "models").first_byte == 40


async def test_only_what_was_said_is_kept_and_known_again(book, home):
    await book.change("openai", "audio", {"idle": 9.5, "body": 3})
    await book.change("openai", "audio", {"idle": None})
    async with opened_store(home, read_only=True) as store:
        again = LimitBook(store)
    assert again.of("openai", "speech") == Limits(body=3)
    assert [(rule.provider, rule.route, rule.chosen) for rule in again.rules()] == [("openai", "audio", {"body": 3})]


async def test_what_is_as_usual_again_leaves_no_row(book):
    await book.change("openai", "", {"idle": 9.0, "total": 10.0})
    await book.reset("openai", "", "idle")
    assert book.said("openai") == {"total": 10}
    await book.reset("openai")
    assert (book.rules(), book.of("openai", "chat")) == ((), USUAL)


async def test_what_is_above_is_what_would_be_without(book):
    await book.change("", "", {"total": 5.0})
    await book.change("openai", "chat", {"total": 6.0})
    assert (book.above("openai", "chat").total, book.above().total, book.above("", "models").first_byte) == (
        5,
        3600,
        20,
    )


async def test_what_was_said_of_a_provider_goes_with_it(book, store, home):
    await book.change("openai", "chat", {"idle": 9.0})
    await book.change("groq", "", {"idle": 9.0})
    book.forget("openai")
    await book.close()
    assert [rule.provider for rule in book.rules()] == [rule.provider for rule in LimitBook(store).rules()] == ["groq"]


async def test_a_removed_provider_s_limits_are_gone_once_it_cannot_be_restored(gateway):
    await gateway.providers.add("far", "openai_chat", "http://127.0.0.1:9/v1", None)
    await gateway.limits.change("far", "", {"idle": 9.0})
    await gateway.providers.remove("far")
    await gateway.providers.restore("far")
    assert gateway.limits.of("far", "chat").idle == 9
    await gateway.providers.remove("far")
    gateway.providers._forget_removed("far")
    assert gateway.limits.of("far", "chat").idle == 120


async def test_a_change_is_one_lookup_for_the_next_call(book):
    first = book.of("openai", "chat")
    assert book.of("openai", "chat") is first
    await book.change("groq", "", {"idle": 1.0})
    assert book.of("openai", "chat") == first


# What may be said


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("idle", "90", 90),
        ("idle", " 1.5 s ", 1.5),
        ("body", "64", 64),
        ("body", "64 MiB", 64),
        ("upload", "4096mib", 4096),
    ],
)
def test_a_limit_is_read_as_people_write_it(name, text, value):
    assert typed(name, text) == value


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("idle", "soon", "Type a number of seconds from 0.1 to 86400."),
        ("idle", "", "Type a number of seconds from 0.1 to 86400."),
        ("idle", "-1", "Type a number of seconds from 0.1 to 86400."),
        ("idle", "0.09", "Type a number of seconds from 0.1 to 86400."),
        ("idle", "86401", "Type a number of seconds from 0.1 to 86400."),
        ("connect", "301", "Type a number of seconds from 0.1 to 300."),
        ("body", "0", "Type a whole number of MiB from 1 to 256."),
        ("body", "257", "Type a whole number of MiB from 1 to 256."),
        ("body", "1.5", "Type a whole number of MiB from 1 to 256."),
        ("upload", "inf", "Type a whole number of MiB from 1 to 4096."),
        ("speed", "1", f"There is no limit “speed”. There are: {', '.join(NAMES)}."),
    ],
)
def test_what_no_limit_can_be_is_refused_in_words(name, text, sentence):
    with pytest.raises(LimitRefused) as caught:
        typed(name, text)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(("name", "least", "most"), [("connect", 0.1, 300), ("total", 0.1, 86400), ("body", 1, 256)])
def test_the_bounds_themselves_are_possible(name, least, most):
    assert (typed(name, f"{least}"), typed(name, f"{most}")) == (least, most)


async def test_what_is_refused_changes_nothing(book):
    for values in ({"idle": 1.0, "speed": 1.0}, {"idle": 1.0, "body": 0}, {"idle": float("nan")}):
        with pytest.raises(LimitRefused):
            await book.change("", "", values)
    with pytest.raises(LimitRefused, match=f"is not a kind of call. There are: {', '.join(KINDS)}"):
        await book.change("", "talk", {"idle": 1.0})
    assert book.rules() == ()


# What is told at the limit


def asked(far):
    return Provider(id="far", name="Far", dialects=("openai_chat",), base_url=f"{far.url}/v1")


async def whole(gateway, far):
    reply = await gateway.upstream.post(asked(far), "openai_chat", "/chat/completions", b"{}", {})
    try:
        return await reply.whole()
    finally:
        await reply.close()


async def begins_and_waits(_received, wire):
    await wire.begin_stream()
    await wire.chunk(b"data: 1\n\n")
    await asyncio.sleep(60)


async def never_stops(_received, wire):
    await wire.begin_stream()
    while True:
        await wire.chunk(b"data: 1\n\n")
        await asyncio.sleep(0.02)


async def answers_never(_received, _wire):
    await asyncio.sleep(60)


@pytest.mark.parametrize(
    ("name", "seconds", "behaviour", "error", "sentence"),
    [
        ("first_byte", 0.2, answers_never, UpstreamTimeout, "within 0.2 s. Try again, or raise “first_byte” under"),
        ("total", 0.2, answers_never, UpstreamTimeout, "did not answer within 0.2 s, which is the most for a whole"),
        ("idle", 0.2, begins_and_waits, StreamBroken, "fell silent for 0.2 s. The answer is cut; “idle” under Limits"),
        ("total", 1.0, never_stops, StreamBroken, "was not done within 1 s. The answer is cut; “total” under Limits"),
    ],
)
async def test_the_seconds_in_force_are_told_and_where_to_change_them(
    gateway, name, seconds, behaviour, error, sentence
):
    await gateway.limits.change("far", "chat", {name: seconds})
    async with far_end(behaviour) as far:
        with pytest.raises(error) as caught:
            await whole(gateway, far)
    assert sentence in str(caught.value)


async def test_a_reader_who_is_slow_makes_the_whole_no_longer(gateway):
    await gateway.limits.change("", "", {"total": 1.0})
    async with far_end(never_stops) as far:
        reply = await gateway.upstream.post(asked(far), "openai_chat", "/chat/completions", b"{}", {})
        reply.hold(True)
        pouring = asyncio.ensure_future(reply.pour(lambda _block: None))
        await asyncio.wait_for(far.hung_up.wait(), 20)
        reply.hold(False)
        with pytest.raises(StreamBroken, match=r"was not done within 1 s"):
            await pouring
        await reply.close()


async def test_a_connection_that_is_kept_is_not_bound_by_the_last_reply_s_time(gateway):
    await gateway.limits.change("", "", {"total": 1.0})
    async with far_end() as far:
        for _ in range(4):
            await whole(gateway, far)
            await asyncio.sleep(0.35)
        assert far.connections == 1


async def test_a_busy_provider_is_told_with_the_seconds_that_were_waited(gateway):
    gateway.upstream._transport.max_connections = 1
    await gateway.limits.change("", "", {"pool": 0.1})
    async with far_end(begins_and_waits) as far:
        first = await gateway.upstream.post(asked(far), "openai_chat", "/x", b"{}", {})
        with pytest.raises(UpstreamTimeout, match=r"was busy for 0.1 s. Try again, or raise “pool”"):
            await whole(gateway, far)
        await first.close()


async def test_an_endpoint_is_asked_by_its_own_limits(gateway):
    await gateway.limits.change("", "embeddings", {"first_byte": 0.1})
    async with far_end(answers_never) as far:
        question = Question("openai_chat", f"{far.url}/v1/embeddings", b"{}", "application/json", route="embeddings")
        with pytest.raises(UpstreamTimeout, match=r"within 0.1 s"):
            await gateway.upstream.send(asked(far), question, {})


async def test_whoever_asks_may_bring_other_limits(gateway):
    async with far_end(answers_never) as far:
        with pytest.raises(UpstreamTimeout, match=r"within 0.1 s"):
            await gateway.upstream.post(asked(far), "openai_chat", "/x", b"{}", {}, limits=Limits(first_byte=0.1))


# Sizes


def test_a_request_may_be_as_large_as_is_said_and_no_larger():
    for limits, is_upload in ((Limits(body=2), False), (Limits(upload=2), True)):
        for size in (2 * MIB - 1, 2 * MIB):
            require_fit(limits, "far", size, is_upload)
        with pytest.raises(TooLarge, match=r"larger than 2 MiB, and more is not sent to the provider “far”"):
            require_fit(limits, "far", 2 * MIB + 1, is_upload)


async def test_the_door_lets_in_what_somebody_may_be_sent(book):
    assert (book.largest, book.largest_upload) == (32 * MIB, 512 * MIB)
    await book.change("", "", {"body": 8, "upload": 100})
    assert (book.largest, book.largest_upload) == (8 * MIB, 100 * MIB)
    await book.change("openai", "files", {"body": 64, "upload": 1000})
    assert (book.largest, book.largest_upload) == (64 * MIB, 1000 * MIB)
    await book.reset("openai", "files")
    assert (book.largest, book.largest_upload) == (8 * MIB, 100 * MIB)


CHAT_PATH, MESSAGES_PATH = "/v1/chat/completions", "/v1/messages"


def large(model, size):
    """A conversation of so many bytes, and a few more."""
    return {"model": model, "max_tokens": 9, "messages": [{"role": "user", "content": "x" * size}]}


async def provide(api, far, id="far"):
    await api.gateway.providers.add(id, "openai_chat", f"{far.url}/v1", None)


@pytest.mark.parametrize("path", [CHAT_PATH, MESSAGES_PATH])
async def test_a_provider_is_sent_nothing_larger_than_its_limit_and_the_caller_hears_whose_it_is(api, path):
    async with far_end() as far, api.client() as client:
        await provide(api, far)
        await api.gateway.limits.change("far", "chat", {"body": 1})
        refused = await client.post(path, json=large("far:m", MIB))
        taken = await client.post(path, json=large("far:m", MIB // 2))
    assert (refused.status_code, taken.status_code, len(far.received)) == (413, 200, 1)
    error = refused.json()["error"]
    assert "larger than 1 MiB, and more is not sent to the provider “far”" in error["message"]
    assert error["type"] == "request_too_large"


async def test_the_limit_for_all_is_kept_at_the_door(api):
    await api.gateway.limits.change("", "", {"body": 1})
    async with api.client() as client:
        got = await client.post(CHAT_PATH, json=large("morello:echo", MIB))
    assert got.status_code == 413
    assert "larger than 1 MiB. Send less, or raise “body” under Limits" in got.json()["error"]["message"]


async def test_more_is_taken_at_once_where_more_is_allowed(api):
    async with far_end() as far, far_end() as other, api.client() as client:
        await provide(api, far)
        await provide(api, other, "other")
        await api.gateway.limits.change("far", "", {"body": 34})
        taken = await client.post(CHAT_PATH, json=large("far:m", 33 * MIB))
        refused = await client.post(CHAT_PATH, json=large("other:m", 33 * MIB))
    assert (taken.status_code, len(far.received)) == (200, 1)
    assert (refused.status_code, other.received) == (413, [])


async def test_a_form_is_measured_by_its_own_limit(api):
    async with far_end() as far, api.client() as client:
        await provide(api, far)
        await api.gateway.limits.change("far", "audio", {"upload": 1})
        form = {"data": {"model": "far:m"}, "files": {"file": ("a.wav", b"x" * (MIB + 1))}}
        refused = await client.post("/v1/audio/transcriptions", **form)
    assert (refused.status_code, far.received) == (413, [])
    assert "raise “upload” under Limits" in refused.json()["error"]["message"]


async def test_a_group_goes_on_to_a_model_that_takes_more(api):
    async with far_end() as small, far_end() as wide, api.client() as client:
        await provide(api, small, "small")
        await provide(api, wide, "wide")
        await api.gateway.limits.change("small", "", {"body": 1})
        await api.gateway.providers.group("both", ["small:m", "wide:m"], Policy())
        got = await client.post(CHAT_PATH, json=large("both", MIB))
    assert (got.status_code, len(small.received), len(wide.received)) == (200, 0, 1)


async def test_a_group_waits_for_the_first_byte_as_long_as_it_says(api):
    async with far_end(answers_never) as mute, far_end() as far, api.client() as client:
        await provide(api, mute, "mute")
        await provide(api, far)
        await api.gateway.providers.group("both", ["mute:m", "far:m"], Policy(first_byte=0.2))
        got = await client.post(CHAT_PATH, json=large("both", 1))
    assert (got.status_code, len(mute.received), len(far.received)) == (200, 1, 1)


async def test_a_dry_run_is_refused_what_the_call_would_be(api):
    async with far_end() as far, api.client() as client:
        await provide(api, far)
        await api.gateway.limits.change("far", "", {"body": 1})
        got = await client.post(CHAT_PATH, json=large("far:m", MIB), headers={"x-morello-dry-run": "1"})
    assert got.status_code == 413


@pytest.mark.parametrize("endpoint", [*Endpoint, "chat", "models"])
def test_every_endpoint_is_of_some_kind(book, endpoint):
    assert book.of("far", endpoint).body == 32
    assert ROUTES[endpoint] in KINDS
