"""What is kept of responses: so many, so much, so long, and for whoever asked."""

import msgspec
from msgspec import Raw

from api import stored
from api.stored import KEPT_SECONDS, MOST, Responses, StoredResponse, identity, items_in, listed

MINE, YOURS = identity("mine"), identity("yours")


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def response(id: str, at: float = 1000.0, size: int = 10) -> StoredResponse:
    return StoredResponse(id, MINE, Raw(b"x" * size), (), (), None, at)


def test_a_response_is_found_by_whoever_asked_and_nobody_else() -> None:
    kept = Responses(clock=Clock())
    kept.keep(response("a"))
    assert kept.find("a", MINE) == response("a")
    assert kept.find("a", YOURS) is None
    assert not kept.forget("a", YOURS)
    assert kept.forget("a", MINE)
    assert kept.find("a", MINE) is None


def test_after_an_hour_it_is_gone() -> None:
    clock = Clock()
    kept = Responses(clock=clock)
    kept.keep(response("a", clock.now))
    clock.now += KEPT_SECONDS - 1
    assert kept.find("a", MINE)
    clock.now += 1
    assert kept.find("a", MINE) is None
    assert not len(kept)


def test_the_oldest_goes_when_there_are_too_many() -> None:
    kept = Responses(clock=Clock())
    for number in range(MOST + 3):
        kept.keep(response(str(number)))
    assert len(kept) == MOST
    assert kept.find("2", MINE) is None
    assert kept.find("3", MINE)


def test_the_oldest_goes_when_they_are_too_large(monkeypatch) -> None:
    monkeypatch.setattr(stored, "MOST_BYTES", 100)
    kept = Responses(clock=Clock())
    for id in "abc":
        kept.keep(response(id, size=40))
    assert [bool(kept.find(id, MINE)) for id in "abc"] == [False, True, True]
    kept.keep(response("d", size=101))
    assert kept.find("d", MINE) is None
    assert kept.find("c", MINE)


def test_the_same_id_counts_once(monkeypatch) -> None:
    monkeypatch.setattr(stored, "MOST_BYTES", 100)
    kept = Responses(clock=Clock())
    kept.keep(response("a", size=40))
    for _ in range(5):
        kept.keep(response("b", size=40))
    assert kept.find("a", MINE)


def test_an_identity_tells_nothing_of_its_key() -> None:
    assert identity("key") == identity("key") != identity("other")
    assert b"key" not in identity("key")


def test_a_text_is_a_message_of_the_user() -> None:
    (item,) = items_in(Raw(b'"Hi \\u00e9"'))
    part = {"type": "input_text", "text": "Hi é"}
    assert msgspec.json.decode(item) == {"type": "message", "role": "user", "content": [part]}
    assert items_in(Raw(b"null")) == ()


def test_listed_items_have_ids_that_stay_the_same() -> None:
    sent = Raw(
        b'[{"role":"user","content":"Hi"},{"role":"user","content":"Hi"},'
        b'{"type":"function_call_output","call_id":"c","output":"1"},{"type":"reasoning","id":"rs_1","summary":[]}]'
    )
    items = listed(items_in(sent))
    assert items == listed(items_in(sent))
    assert [item["id"].split("_")[0] for item in items] == ["msg", "msg", "fco", "rs"]
    assert len({item["id"] for item in items}) == 4
    assert items[0]["content"] == [{"type": "input_text", "text": "Hi"}]
    assert items[3]["id"] == "rs_1"
