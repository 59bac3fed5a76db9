"""Looking around: servers that answer on this computer, keys in the environment, and nobody else is called."""

import asyncio
import json
import time
from urllib.parse import urlsplit

import pytest
from msgspec import structs

from api.errors import UpstreamUnreachable
from api.providers import discovery
from api.providers.discovery import look_around
from api.providers.presets import PRESETS
from api.providers.provider import Model
from tests.fakes import answers, far_end

ROWS = {row.id: row for row in PRESETS}
KEY = "sk-somebodys-own-key-0001"


class Ports:
    """What answers on the ports of this computer: models, or nobody."""

    def __init__(self, **models):
        self.models, self.asked = models, []

    async def __call__(self, provider):
        self.asked.append(provider.base_url)
        if provider.id not in self.models:
            raise UpstreamUnreachable("Nobody is there.")
        return self.models[provider.id]


async def found(list_models=None, environment=None, own_ports=frozenset()):
    return await look_around(list_models or Ports(), environment or {}, own_ports)


async def names(list_models=None, environment=None):
    return [one.preset.id for one in await found(list_models, environment)]


async def test_a_bare_computer_has_nothing():
    assert await found() == ()


async def test_a_server_that_lists_models_is_found_with_them():
    (one,) = await found(Ports(ollama=(Model("llama3"), Model("qwen3"))))
    assert one.preset is ROWS["ollama"]
    assert one.base_url == "http://127.0.0.1:11434/v1"
    assert one.models == ("llama3", "qwen3")
    assert one.key is None


async def test_a_server_without_a_model_is_found_too():
    (one,) = await found(Ports(ollama=()))
    assert one.models == ()


async def test_only_this_computer_is_asked():
    ports = Ports()
    await found(ports, {"OPENAI_API_KEY": KEY})
    assert {urlsplit(url).hostname for url in ports.asked} == {"127.0.0.1"}
    assert {urlsplit(url).port for url in ports.asked} >= {11434, 1234, 8000, 8080, 30000, 1337}
    assert len(ports.asked) == len(set(ports.asked))


async def test_our_own_ports_are_not_asked():
    ports = Ports(llamacpp=(Model("ours"),))
    assert await found(ports, own_ports=frozenset({8080})) == ()
    assert "http://127.0.0.1:8080/v1" not in ports.asked


async def test_all_are_asked_at_once_and_nobody_is_waited_for_longer_than_the_patience(monkeypatch):
    monkeypatch.setattr(discovery, "PATIENCE", 0.2)
    asked = []

    async def silent(provider):
        asked.append(provider.id)
        await asyncio.sleep(60)

    began = time.monotonic()
    assert await found(silent) == ()
    assert {"ollama", "lmstudio", "llamacpp", "vllm"} <= set(asked)
    assert time.monotonic() - began < 10


def test_the_patience_is_a_second():
    assert discovery.PATIENCE == 1.0


@pytest.mark.parametrize(
    ("port", "owner", "who"),
    [
        ("llamacpp", "llamacpp", "llamacpp"),
        ("llamacpp", "vllm", "vllm"),
        ("vllm", "vllm", "vllm"),
        ("vllm", "llamacpp", "llamacpp"),
        ("lmstudio", "organization_owner", "lmstudio"),
        ("lmstudio", None, "lmstudio"),
        ("ollama", "somebody", "ollama"),
    ],
)
async def test_a_server_says_itself_who_it_is(port, owner, who):
    (one,) = await found(Ports(**{port: (Model("m", owner=owner),)}))
    assert one.preset.id == who
    assert one.base_url == ROWS[port].base_url


@pytest.mark.parametrize(("port", "number"), [("llamacpp", 8080), ("vllm", 8000)])
async def test_who_does_not_say_who_they_are_on_anybodys_port_is_offered_by_their_address(port, number):
    (one,) = await found(Ports(**{port: (Model("m", owner="me"),)}))
    assert one.preset.name == f"127.0.0.1:{number}"
    assert one.preset.id == f"local-{number}"
    assert one.preset.is_local


# The environment


async def test_a_key_in_the_environment_is_found_where_it_lies():
    (one,) = await found(environment={"MOONSHOT_API_KEY": f" {KEY}\n"})
    assert (one.preset.id, one.env, one.base_url) == ("kimi", "MOONSHOT_API_KEY", "https://api.moonshot.ai/v1")
    assert one.key == KEY
    assert KEY not in repr(one)


@pytest.mark.parametrize(
    "text", ["", "  ", "two words", "sk-…", "k" * 5000, "cs-sk-00000000-0000-4000-8000-000000000000"]
)
async def test_what_is_no_key_or_one_of_our_own_is_not_found(text):
    assert await found(environment={"OPENAI_API_KEY": text}) == ()


async def test_a_provider_is_offered_once_by_its_first_readable_key():
    assert await names(environment={"GEMINI_API_KEY": KEY, "GOOGLE_API_KEY": KEY}) == ["gemini"]
    (one,) = await found(environment={"GEMINI_API_KEY": " ", "GOOGLE_API_KEY": KEY})
    assert one.env == "GOOGLE_API_KEY"


async def test_every_preset_that_wants_a_key_and_names_a_variable_can_be_found():
    variables = {row.env[0]: KEY for row in PRESETS if row.env}
    assert await names(environment=variables) == [row.id for row in PRESETS if row.env]


async def test_servers_come_before_keys():
    assert await names(Ports(ollama=()), {"OPENAI_API_KEY": KEY}) == ["ollama", "openai"]


async def test_a_key_that_is_meant_for_another_address_is_offered_for_that_one():
    (one,) = await found(environment={"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": "https://proxy.example/v1/"})
    assert one.base_url == "https://proxy.example/v1"


async def test_the_presets_own_address_in_other_words_changes_nothing():
    (one,) = await found(environment={"ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": "https://api.anthropic.com"})
    assert one.base_url == ROWS["anthropic"].base_url


@pytest.mark.parametrize("url", ["http://127.0.0.1:23333/v1", "http://evil.example/v1", "no url"])
async def test_a_key_that_is_meant_for_ourselves_or_for_no_address_is_not_found(url):
    environment = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": url}
    assert await found(environment=environment, own_ports=frozenset({23333})) == ()


# Over real sockets


@pytest.fixture
def only_port(monkeypatch):
    """Of all ports, only the one of a far end is looked at, as if it were the usual port of `id`."""

    def put(id, far):
        row = structs.replace(ROWS[id], base_url=f"{far.url}/v1")
        monkeypatch.setattr(discovery, "PRESETS", (row,))
        return row

    return put


def model_list(*models):
    return json.dumps({"object": "list", "data": [{"id": id, "owned_by": owner} for id, owner in models]}).encode()


async def test_a_real_server_is_found_by_its_own_word(gateway, only_port):
    async with far_end(answers(200, model_list(("gemma", "llamacpp")))) as far:
        row = only_port("vllm", far)
        (one,) = await gateway.look_around({})
    assert one.preset.id == "llamacpp"
    assert (one.base_url, one.models) == (row.base_url, ("gemma",))
    assert "authorization" not in far.last.headers


async def test_ollama_without_a_model_says_null_and_is_found(gateway, only_port):
    async with far_end(answers(200, b'{"object":"list","data":null}')) as far:
        only_port("ollama", far)
        (one,) = await gateway.look_around({})
    assert one.models == ()


@pytest.mark.parametrize(
    "behaviour",
    [
        answers(200, b"<html>It works</html>", content_type="text/html"),
        answers(200, b'{"data": 7}'),
        answers(404, b"{}"),
        answers(401, b'{"error":{"message":"key?"}}'),
        answers(302, b"", location="http://127.0.0.1:1/"),
    ],
)
async def test_what_answers_without_a_model_list_is_not_found(gateway, only_port, behaviour):
    async with far_end(behaviour) as far:
        only_port("llamacpp", far)
        assert await gateway.look_around({}) == ()
        assert far.received


async def test_the_gateways_own_ports_are_left_out(gateway, only_port):
    async with far_end(answers(200, model_list(("m", "x")))) as far:
        only_port("llamacpp", far)
        gateway.dashboard = far.url
        assert await gateway.look_around({}) == ()
        assert far.connections == 0
