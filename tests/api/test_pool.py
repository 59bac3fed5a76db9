"""Which key is next: by weight, the same for a conversation, and none that rests while another does not."""

from collections import Counter
from itertools import count

import pytest

from api.errors import SaidInWords
from api.providers.circuit import FAILURES, SECONDS, Circuits
from api.providers.pool import LIMITED_SECONDS, LONGEST_REST, Pools
from api.providers.provider import Credential, Provider, Secret, pooled
from api.relay.sticky import conversation_of

WHY = SaidInWords("no more today")


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


def provider(*weights, **more):
    plain = Provider(id="one", name="One", dialects=("openai_chat",), base_url="https://one.example/v1", **more)
    keys = (Credential(Secret(f"sk-{number}"), number, weight=weight) for number, weight in enumerate(weights, 1))
    return pooled(plain, tuple(keys))


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def pools(clock):
    return Pools(lambda: None, clock)


def chosen(pools, one, mark=None, tried=()):
    found = pools.choose(one, lambda: mark, tried)
    return found and found[1]


def test_forty_conversations_are_shared_three_to_one(pools):
    one, marks = provider(3, 1), (f"{number}".encode() for number in count())
    numbers = [chosen(pools, one, next(marks)) for _ in range(40)]
    assert Counter(numbers) == {1: 30, 2: 10}
    assert Counter(numbers[:4]) == {1: 3, 2: 1}


def test_a_conversation_stays_with_its_key_until_that_rests(pools, clock):
    one = provider(1, 1, 1)
    first = chosen(pools, one, b"mine")
    for number in range(10):
        chosen(pools, one, f"other {number}".encode())
    assert chosen(pools, one, b"mine") == first
    pools.rest(one, first, WHY, 60)
    second = chosen(pools, one, b"mine")
    assert second != first
    clock.now += 61
    assert chosen(pools, one, b"mine") == second


def test_a_provider_is_asked_with_the_key_that_was_chosen_by_the_same_object_each_time(pools):
    one = provider(1, 1)
    by_number = dict[int, Provider]()
    for number in range(4):
        asked, key = pools.choose(one, lambda number=number: f"{number}".encode())
        assert asked.key == f"sk-{key}"
        assert by_number.setdefault(key, asked) is asked
    assert len(by_number) == 2


def test_where_all_rest_the_one_whose_rest_ends_first_is_tried(pools):
    one = provider(1, 1)
    pools.rest(one, 1, WHY, 60)
    pools.rest(one, 2, WHY, 30)
    assert not pools.is_ready(one)
    assert chosen(pools, one) == 2
    assert chosen(pools, one, tried={2}) == 1
    assert chosen(pools, one, tried={1, 2}) is None


def test_a_single_key_is_used_even_where_it_rests_and_a_provider_without_keys_is_asked_without(pools):
    one, none = provider(1), provider()
    pools.rest(one, 1, WHY, 60)
    assert chosen(pools, one) == 1
    assert chosen(pools, none) == 0
    assert chosen(pools, none, tried={0}) is None


def test_a_key_rests_twice_as_long_each_time_in_a_row_and_never_for_ever(pools, clock):
    one, rests = provider(1, 1), []
    for _ in range(12):
        pools.rest(one, 1, WHY)
        rest = pools.resting(one, 1)
        rests.append(rest.until - rest.since)
    assert rests[:3] == [LIMITED_SECONDS, 2 * LIMITED_SECONDS, 4 * LIMITED_SECONDS]
    assert rests[-1] == LONGEST_REST
    pools.wake(one, 1)
    pools.rest(one, 1, WHY)
    assert pools.resting(one, 1).until == clock.now + LIMITED_SECONDS


def test_a_key_that_is_switched_off_is_never_chosen(pools):
    one = provider(1, 1)
    one = pooled(one, (one.pool[0], Credential(Secret("sk-2"), 2, enabled=False)))
    assert {chosen(pools, one, f"{number}".encode()) for number in range(9)} == {1}


def test_a_circuit_opens_after_failures_in_a_row_and_lets_one_call_try(clock):
    told = []
    circuits = Circuits(lambda: told.append(1), clock)
    for _ in range(FAILURES - 1):
        circuits.failed("one", WHY)
    assert not circuits.skips("one")
    circuits.failed("one", WHY)
    assert circuits.skips("one")
    assert told == [1]
    clock.now += SECONDS + 1
    assert [circuits.skips("one") for _ in range(3)] == [False, True, True]
    circuits.failed("one", WHY)
    broken = circuits.broken("one")
    assert broken is not None
    assert broken.until == clock.now + 2 * SECONDS
    clock.now += 2 * SECONDS + 1
    assert not circuits.skips("one")
    circuits.answered("one")
    assert circuits.broken("one") is None
    assert told == [1, 1, 1]


def test_one_answer_in_between_counts_failures_anew(clock):
    circuits = Circuits(lambda: None, clock)
    for _ in range(3):
        for _ in range(FAILURES - 1):
            circuits.failed("one", WHY)
        circuits.answered("one")
    assert not circuits.skips("one")


TALKS = {
    "openai_chat": (
        b'{"model":"m","messages":[{"role":"system","content":"s"},{"role":"user","content":"hi"}%s]}',
        b',{"role":"assistant","content":"x"}',
    ),
    "anthropic": (
        b'{"model":"m","system":"s","messages":[{"role":"user","content":"hi"}%s]}',
        b',{"role":"assistant","content":"x"}',
    ),
    "responses": (b'{"model":"m","input":[{"role":"user","content":"hi"}%s]}', b',{"role":"assistant","content":"x"}'),
    "gemini": (b'{"contents":[{"role":"user","parts":[{"text":"hi"}]}%s]}', b',{"role":"model","parts":[]}'),
}


@pytest.mark.parametrize("dialect", TALKS)
def test_a_conversation_keeps_its_mark_as_it_grows(dialect):
    talk, more = TALKS[dialect]
    mark = conversation_of(talk % b"")
    assert mark is not None
    assert conversation_of(talk % more) == conversation_of(talk % (more * 9)) == mark
    assert conversation_of(talk.replace(b'"hi"', b'"ho"') % b"") != mark


def test_a_caller_who_names_the_conversation_is_believed():
    named = b'{"prompt_cache_key":"mine","messages":[{"role":"user","content":"%s"}]}'
    assert conversation_of(named % b"a") == conversation_of(named % b"b")


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"nonsense", b'{"messages":3}', b"[" * 5000, b"\xff"])
def test_what_is_no_conversation_has_at_most_a_mark_of_its_own(body):
    assert conversation_of(body) is None or body == b'{"messages":3}'
