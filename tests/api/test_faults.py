"""What goes wrong on the way to an answer: silence, refusals, hang-ups, keys that fail under load."""

import asyncio
import json

from api.providers.groups import Policy
from tests.fakes import answers, chat_reply, far_end

HELLO = {"messages": [{"role": "user", "content": "hello"}]}
GOOD = answers(200, chat_reply())
REFUSED = b'{"error":{"message":"no","type":"x"}}'


async def silent(_received, _wire):
    await asyncio.sleep(60)


def key_of(received):
    return received.headers["authorization"].removeprefix("Bearer ")


async def test_the_first_is_silent_the_second_overloaded_and_the_third_answers(api):
    async with far_end(silent) as stalls, far_end(answers(529, REFUSED)) as busy, far_end(GOOD) as good:
        for id, far in (("stalls", stalls), ("busy", busy), ("good", good)):
            await api.gateway.providers.add(id, "openai_chat", far.url, None)
        policy = Policy(first_byte=0.2)
        await api.gateway.providers.group("fast", ["stalls:a", "busy:b", "good:c"], policy)
        async with api.client() as client:
            answer = await client.post("/v1/chat/completions", json={**HELLO, "model": "fast"})
    assert answer.status_code == 200
    tried = [part.partition(";")[0] + part[-4:] for part in answer.headers["x-morello-attempts"].split(", ")]
    assert tried == ["stalls:a=504", "busy:b=503", "good:c=200"]
    (row,) = await api.rows()
    assert (row.provider, row.served, row.status) == ("good", "c", 200)


async def test_a_caller_who_hangs_up_during_the_back_off_ends_it_and_nobody_is_blamed(api):
    async with far_end(answers(503, REFUSED, retry_after="9")) as busy:
        await api.gateway.providers.add("busy", "openai_chat", busy.url, None)
        await api.gateway.providers.group("fast", ["busy:a"], Policy())
        async with api.client() as client:
            call = asyncio.create_task(client.post("/v1/chat/completions", json={**HELLO, "model": "fast"}))
            while not busy.received:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.1)
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)
        while not (rows := await api.rows()):
            await asyncio.sleep(0.01)
    assert len(busy.received) == 1
    assert rows[0].error == "caller_gone"
    assert api.gateway.circuits._failures == {"busy": 1}


async def test_what_is_longer_than_the_patience_is_not_waited_for(api):
    async with far_end(answers(429, REFUSED, retry_after="120")) as busy:
        await api.gateway.providers.add("busy", "openai_chat", busy.url, None)
        await api.gateway.providers.group("fast", ["busy:a"], Policy(patience=5))
        async with api.client() as client:
            answer = await client.post("/v1/chat/completions", json={**HELLO, "model": "fast"})
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "120")
    assert answer.headers["x-morello-attempts"] == "busy:a;key=0;status=429"


async def test_a_group_that_does_not_retry_asks_its_first_alone(api):
    async with far_end(answers(500, REFUSED)) as broken, far_end(GOOD) as good:
        await api.gateway.providers.add("broken", "openai_chat", broken.url, None)
        await api.gateway.providers.add("good", "openai_chat", good.url, None)
        await api.gateway.providers.group("fast", ["broken:a", "good:b"], Policy(retry=False))
        async with api.client() as client:
            answer = await client.post("/v1/chat/completions", json={**HELLO, "model": "fast"})
    assert answer.status_code == 502
    assert good.received == []


async def test_fifty_calls_at_once_lose_none_when_a_key_begins_to_be_refused(api):
    spent = {"a": 10}

    async def by_key(received, wire):
        key = key_of(received)
        if key == "a" and spent["a"] <= 0:
            return await answers(401, REFUSED)(received, wire)
        spent[key] = spent.get(key, 0) - 1
        await asyncio.sleep(0.01)
        return await GOOD(received, wire)

    async with far_end(by_key) as far, api.client() as client:
        await api.gateway.providers.add("one", "openai_chat", far.url, "a")
        await api.gateway.providers.add_key("one", "b")

        async def ask(number):
            messages = [{"role": "user", "content": f"question {number}"}]
            return await client.post("/v1/chat/completions", json={"model": "one:m", "messages": messages})

        replies = await asyncio.gather(*(ask(number) for number in range(50)))
    assert [reply.status_code for reply in replies] == [200] * 50


async def test_a_growing_conversation_stays_with_its_key(api):
    async with far_end(GOOD) as far, api.client() as client:
        await api.gateway.providers.add("one", "openai_chat", far.url, "a")
        for key in "bc":
            await api.gateway.providers.add_key("one", key)
        messages = [{"role": "user", "content": "hello"}]
        for turn in range(4):
            await client.post("/v1/chat/completions", json={"model": "one:m", "messages": messages})
            other = [{"role": "user", "content": f"another {turn}"}]
            await client.post("/v1/chat/completions", json={"model": "one:m", "messages": other})
            messages += [{"role": "assistant", "content": "hi"}, {"role": "user", "content": "more"}]
    keys = {key_of(got) for got in far.received if json.loads(got.body)["messages"][0]["content"] == "hello"}
    assert len(keys) == 1


async def test_a_key_that_was_removed_is_in_no_file_of_the_home(api):
    secret = "sk-a-key-that-nobody-shall-find-0001"
    providers = api.gateway.providers
    await providers.add("one", "openai_chat", "https://one.example/v1", "sk-first")
    await providers.add_key("one", secret)
    sealed = await api.gateway.store.write(
        lambda db: db.exec_driver_sql("SELECT secret FROM credentials WHERE number = 2").scalar()
    )
    await providers.remove_key("one", 2)
    for file in api.gateway.home.glob("morello.db*"):
        assert sealed not in file.read_bytes()
    assert secret not in list(providers.secrets())
