"""What a provider has beside conversations, and what it turned out to lack: on its card and in the terminal."""

import msgspec
import pytest

from api.endpoints import Endpoint
from tests.webui.reading import find, find_all
from tests.webui.test_providers_page import unsaid
from tests.webui.test_words import MARKED, QUIET
from webui.commands import Commands
from webui.control import Order
from webui.pages.provider_cards import MOST_LACKS, ProviderCard, Shelf
from webui.render import render

NO_RERANK = "404 page not found"
UNABLE = "this model does not support embeddings"


async def page(dashboard) -> str:
    async with dashboard.client() as browser:
        return (await browser.get("/providers")).text


def card(html: str, id: str):
    return find(html, "article", id=f"provider-{id}")


async def test_the_card_says_what_a_provider_has_beside_conversations(dashboard):
    await dashboard.api.gateway.providers.add("groq", "openai_chat", "https://api.groq.com/openai/v1", "k" * 20)
    also = find(await page(dashboard), id="provider-groq").text
    assert "Also speech transcription translation of speech files" in " ".join(also.split())


@pytest.mark.parametrize("url", ["https://api.deepseek.com", "https://another.example/v1"])
async def test_who_has_nothing_more_or_may_have_anything_says_nothing_of_it(dashboard, url):
    await dashboard.api.gateway.providers.add("one", "openai_chat", url, "k" * 20)
    assert "Also" not in card(await page(dashboard), "one").text


async def test_what_it_turned_out_to_lack_stands_there_with_its_own_words(dashboard):
    gateway = dashboard.api.gateway
    one = await gateway.providers.add("one", "openai_chat", "http://127.0.0.1:11434/v1", None)
    gateway.lacks.learn(one, Endpoint.RERANK, "m", 404, NO_RERANK)
    gateway.lacks.learn(one, Endpoint.EMBEDDINGS, "llama3", 501, UNABLE)
    text = card(await page(dashboard), "one").text
    assert "Has no reranking" in text
    assert NO_RERANK in text
    assert "Not with llama3: embeddings" in text
    assert UNABLE in text


async def test_a_card_has_room_for_the_last_of_many(dashboard):
    gateway = dashboard.api.gateway
    one = await gateway.providers.add("one", "openai_chat", "http://127.0.0.1:11434/v1", None)
    for number in range(MOST_LACKS + 3):
        gateway.lacks.learn(one, Endpoint.EMBEDDINGS, f"m{number}", 501, UNABLE)
    html = await page(dashboard)
    assert len([item for item in find_all(html, "li") if "Not with" in item.text]) == MOST_LACKS
    assert f"Not with m{MOST_LACKS + 2}" in html


async def test_what_a_provider_says_is_text_on_the_page(dashboard):
    gateway = dashboard.api.gateway
    one = await gateway.providers.add("one", "openai_chat", "http://127.0.0.1:11434/v1", None)
    gateway.lacks.learn(one, Endpoint.EMBEDDINGS, "", 405, '"><img src=x onerror=alert(1)>')
    assert "<img" not in await page(dashboard)


def test_every_word_for_an_endpoint_is_translated():
    full = ProviderCard("local", "", "M", "morello", "built_in", 5, QUIET, also=tuple(Endpoint))
    shelf = Shelf((), full)
    part = render(MARKED, "parts/providers.html", providers=shelf, csrf="c0ffee", now=0.0)
    assert unsaid(part) == []
    assert part.count('class="able"') == len(Endpoint)


async def test_the_terminal_tells_what_is_known_and_what_was_learned(dashboard):
    gateway = dashboard.api.gateway
    await gateway.providers.add("groq", "openai_chat", "https://api.groq.com/openai/v1", "k" * 20)
    one = await gateway.providers.add("one", "openai_chat", "http://127.0.0.1:11434/v1", None)
    gateway.lacks.learn(one, Endpoint.RERANK, "m", 404, NO_RERANK)
    report = await Commands(dashboard.api.door, dashboard.sessions).obey(Order("providers list", {}))
    groq, other = msgspec.to_builtins(report.data)
    assert groq["endpoints"] == ["files", "speech", "transcriptions", "translations"]
    assert groq["lacks"] == []
    assert other["endpoints"] is None
    assert [(lack["endpoint"], lack["model"], lack["words"]) for lack in other["lacks"]] == [("rerank", "", NO_RERANK)]


async def test_the_key_in_the_path_is_allowed_by_a_switch_and_forbidden_again(dashboard):
    async with dashboard.client() as browser:
        before = (await browser.get("/settings")).text
        await browser.post("/path-keys", data={"allow": "on"})
        allowed = dashboard.api.gateway.settings.path_keys
        shown = (await browser.get("/settings")).text
        await browser.post("/path-keys")
    assert "checked" not in find(before, id="path-keys").attributes
    assert "checked" in find(shown, id="path-keys").attributes
    assert "programs write addresses into their logs" in before
    assert allowed is True
    assert dashboard.api.gateway.settings.path_keys is False
