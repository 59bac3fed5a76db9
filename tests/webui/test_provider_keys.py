"""The pool of a provider's keys on its page: added, weighed, switched, removed, and why one rests."""

import pytest

from api.errors import SaidInWords
from api.providers.circuit import FAILURES
from tests.fakes import CHAT, answers, far_end
from tests.webui.reading import find

HTMX = {"hx_request": "true"}
FIRST, SECOND = "sk-the-first-key-0001", "sk-the-second-key-0002"


@pytest.fixture
async def providers(dashboard):
    await dashboard.api.gateway.providers.add("one", "openai_chat", "https://one.example/v1", FIRST)
    return dashboard.api.gateway.providers


def pool(html):
    return find(html, id="provider-keys").text


async def test_a_second_key_is_added_with_its_label_and_weight(dashboard, providers):
    async with dashboard.client(**HTMX) as browser:
        drawer = (await browser.get("/providers/one/edit")).text
        told = (await browser.post("/providers/one/keys", data={"key": SECOND, "label": "team", "weight": "3"})).text
    assert "••••0001" in pool(drawer)
    assert "75 % of new conversations" in pool(told)
    assert SECOND not in told
    assert [(key.key, key.label, key.weight) for key in providers.find("one").credentials] == [
        (FIRST, "", 1),
        (SECOND, "team", 3),
    ]
    assert "Keys2" in find(told, id="provider-one").text


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"key": ""}, "The key is empty."),
        ({"key": FIRST}, "has this key already"),
        ({"key": "sk é"}, "Character 3 of the key"),
        ({"key": SECOND, "weight": "0"}, "from 1 to 100"),
        ({"key": SECOND, "weight": "x"}, "from 1 to 100"),
        ({"key": SECOND, "label": "a" * 65}, "longer than 64 characters"),
    ],
)
async def test_what_is_wrong_with_a_key_is_said_and_the_key_is_not(dashboard, providers, form, sentence):
    async with dashboard.client() as browser:
        answer = await browser.post("/providers/one/keys", data=form)
    assert answer.status_code == 422
    assert sentence in pool(answer.text)
    assert len(providers.find("one").credentials) == 1
    assert SECOND not in answer.text


async def test_a_key_is_switched_renamed_and_removed(dashboard, providers):
    await providers.add_key("one", SECOND)
    async with dashboard.client(**HTMX) as browser:
        await browser.post("/providers/one/keys/1", data={"switch": "1"})
        assert providers.find("one").key == SECOND
        await browser.post("/providers/one/keys/2", data={"label": "team", "weight": "7"})
        told = (await browser.post("/providers/one/keys/1/remove")).text
    (left,) = providers.find("one").credentials
    assert (left.number, left.label, left.weight) == (2, "team", 7)
    assert "It is gone from this computer." in find(told, class_="toast").text


async def test_a_key_that_is_gone_is_said_to_be(dashboard, providers):
    async with dashboard.client(**HTMX) as browser:
        told = (await browser.post("/providers/one/keys/9/remove")).text
        nobody = await browser.post("/providers/gone/keys/1/remove")
    assert "has no key 9" in find(told, class_="toast").text
    assert nobody.status_code == 404


async def test_a_key_that_rests_says_why_and_can_be_used_again(dashboard, providers):
    await providers.add_key("one", SECOND, "team")
    providers.pools.rest(providers.find("one"), 2, SaidInWords("too many requests"), 600)
    async with dashboard.client(**HTMX) as browser:
        page = (await browser.get("/providers")).text
        drawer = (await browser.get("/providers/one/edit")).text
        told = (await browser.post("/providers/one/keys/2/wake")).text
    assert "team rests until" in find(page, id="provider-one").text
    assert "too many requests" in pool(drawer)
    assert "rests" not in pool(told).partition("New conversations")[0]
    assert providers.pools.resting(providers.find("one"), 2) is None


async def test_a_provider_that_is_skipped_says_so_and_can_be_asked_again(dashboard, providers):
    circuits = dashboard.api.gateway.circuits
    for _ in range(FAILURES):
        circuits.failed("one", SaidInWords("it broke off"))
    async with dashboard.client(**HTMX) as browser:
        page = (await browser.get("/providers")).text
        await browser.post("/providers/one/try")
    assert "after 5 failures: it broke off" in find(page, id="provider-one").text
    assert not circuits.skips("one")


async def test_a_call_through_the_api_lays_a_refused_key_to_rest(dashboard):
    async def by_key(received, wire):
        good = received.headers["authorization"] == f"Bearer {SECOND}"
        await (answers(200, CHAT) if good else answers(401, b'{"error":{"message":"No such key."}}'))(received, wire)

    async with far_end(by_key) as far, dashboard.client() as browser:
        await dashboard.api.gateway.providers.add("one", "openai_chat", f"{far.url}/v1", FIRST)
        await dashboard.api.gateway.providers.add_key("one", SECOND)
        await dashboard.api.door.start()
        body = {"model": "one:m", "messages": [{"role": "user", "content": "Hello"}]}
        async with dashboard.api.client() as caller:
            assert (await caller.post("/v1/chat/completions", json=body)).status_code == 200
        page = (await browser.get("/providers")).text
    assert "••••0001 rests until" in find(page, id="provider-one").text
    assert "No such key." in find(page, id="provider-one").text


async def test_saving_the_form_keeps_keys_that_are_all_switched_off(dashboard, providers):
    await providers.edit_key("one", 1, enabled=False)
    async with dashboard.client(**HTMX) as browser:
        await browser.post(
            "/providers/one/edit", data={"editing": "one", "name": "Still", "base_url": "https://one.example/v1"}
        )
    assert providers.find("one").name == "Still"
    assert [key.key for key in providers.find("one").credentials] == [FIRST]


@pytest.mark.parametrize(
    ("typed", "kept", "shown"),
    [("", None, ""), ("none", "", "none"), ("socks5://me:pw@10.0.0.1:1080", "socks5://me:pw@10.0.0.1:1080", "me:")],
)
async def test_a_provider_has_a_proxy_of_its_own(dashboard, providers, typed, kept, shown):
    form = {"editing": "one", "name": "One", "base_url": "https://one.example/v1", "proxy": typed}
    async with dashboard.client(**HTMX) as browser:
        await browser.post("/providers/one/edit", data=form)
        field = find((await browser.get("/providers/one/edit")).text, id="provider-proxy")["value"]
    assert providers.find("one").proxy == kept
    assert shown in field
    assert "pw" not in field


async def test_a_proxy_that_cannot_be_is_said_beside_the_field(dashboard, providers):
    form = {"editing": "one", "name": "One", "base_url": "https://one.example/v1", "proxy": "ftp://x"}
    async with dashboard.client() as browser:
        answer = await browser.post("/providers/one/edit", data=form)
    assert answer.status_code == 422
    assert "is not a kind of proxy" in find(answer.text, id="provider-asking").text
    assert find(answer.text, id="provider-proxy")["value"] == "ftp://x"
