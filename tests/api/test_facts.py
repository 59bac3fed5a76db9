"""What is known of models: the table that comes along, newer ones, and whom to believe."""

import json
from decimal import Decimal

import pytest

from api.facts import Capability, Facts, Prices, Table, bundled, keeping, layered
from api.facts.reading import TableRefused, difference, read_table
from api.facts.table import FILE, read, written
from api.providers.chosen import Chosen
from api.providers.provider import Model, Provider

OURS = Table(
    "2026-01-01",
    "us",
    {
        "openai": {"gpt-x": Facts(frozenset((Capability.TOOLS,)), 1000, 100, Prices(input=Decimal("1.25")))},
        "groq": {"llama": Facts(prices=Prices(input=Decimal("0.1")))},
    },
)
LITELLM = {
    "gpt-x": {
        "litellm_provider": "openai",
        "mode": "chat",
        "input_cost_per_token": 1.25e-06,
        "output_cost_per_token": 1e-05,
        "cache_read_input_token_cost": 0.0,
        "input_cost_per_token_above_200k_tokens": 2.5e-06,
        "max_input_tokens": 200000,
        "max_output_tokens": 64000.0,
        "supports_function_calling": True,
        "supports_vision": False,
    },
    "groq/whisper": {"litellm_provider": "groq", "mode": "audio_transcription"},
    "some/thing": {"litellm_provider": "unheard_of", "mode": "chat"},
    "gpt-video": {"litellm_provider": "openai", "mode": "video_generation"},
    "sample_spec": {"mode": "one of: chat"},
}


def test_the_table_that_comes_along_is_large_dated_and_says_where_it_is_from():
    table = bundled()
    assert sum(map(len, table.models.values())) > 300
    assert table.date >= "2026-11-24"
    assert "LiteLLM" in table.source
    assert FILE.stat().st_size < 300_000


def test_a_price_of_the_table_is_to_the_last_digit():
    sonnet = bundled().find("anthropic", "claude-sonnet-4-6")
    assert sonnet.prices is not None
    assert (sonnet.prices.input, sonnet.prices.output, sonnet.prices.cached) == (
        *(Decimal("3"), Decimal("15")),
        Decimal("0.3"),
    )
    assert sonnet.capabilities is not None
    assert Capability.TOOLS in sonnet.capabilities


@pytest.mark.parametrize("name", ["gpt-x", "gpt-x-20260101", "gpt-x-2026-01-01", "gpt-x-latest", "gpt-x:free"])
def test_a_model_is_found_by_its_plain_name(name):
    assert OURS.find("openai", name).context == 1000


@pytest.mark.parametrize(("preset", "name"), [(None, "gpt-x"), ("groq", "openai/gpt-x"), ("unheard-of", "GPT-X")])
def test_elsewhere_a_model_can_the_same_but_its_price_is_not_known(preset, name):
    found = OURS.find(preset, name)
    assert (found.context, found.prices) == (1000, None)


def test_a_name_alone_tells_what_is_in_it_and_nothing_more():
    table = Table("", "", {})
    assert table.find(None, "my-embed-large") == Facts(frozenset((Capability.EMBEDDINGS,)))
    assert table.find(None, "mystery") == Facts()


def test_each_fact_is_from_the_first_who_tells_it():
    known = layered(
        yours=Facts(prices=Prices(input=Decimal(9))), listed=Facts(context=5), table=Facts(context=7, max_output=8)
    )
    assert (known.facts.context, known.facts.max_output) == (5, 8)
    assert known.sources == {"prices": "yours", "context": "listed", "max_output": "table"}


def test_a_table_of_ours_survives_being_written():
    assert read(written(OURS)) == OURS
    assert len(written(OURS).splitlines()) == 8


def test_litellms_table_is_read():
    table = read_table(json.dumps(LITELLM).encode(), "a file", "2026-02-02")
    gpt = table.models["openai"]["gpt-x"]
    assert gpt.capabilities == frozenset((Capability.TOOLS,))
    assert (gpt.context, gpt.max_output) == (200_000, 64_000)
    assert gpt.prices is not None
    assert (gpt.prices.input, gpt.prices.output, gpt.prices.cached) == (Decimal("1.25"), Decimal(10), Decimal(0))
    assert [(tier.above, tier.input, tier.output) for tier in gpt.prices.tiers] == [(200_000, Decimal("2.5"), None)]
    assert table.models["groq"] == {"whisper": Facts(frozenset((Capability.AUDIO,)))}
    assert list(table.models) == ["openai", "groq"]
    assert list(table.models["openai"]) == ["gpt-x"]


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"{}", b'{"a":1}', b'{"models":3}', b"[" * 9999, b"\xff", b'{"models":{}}']
)
def test_what_is_no_table_is_said_so(text):
    with pytest.raises(TableRefused):
        read_table(text, "x", "2026-01-01")


def test_two_tables_are_compared_field_by_field():
    new = read_table(json.dumps(LITELLM).encode(), "a file", "2026-02-02")
    told = difference(OURS, new)
    assert told.added == ("groq:whisper",)
    assert told.gone == ("groq:llama",)
    assert [(change.model, change.fact) for change in told.changed] == [
        *(("gpt-x", "context"), ("gpt-x", "max_output")),
        ("gpt-x", "prices"),
    ]


def test_a_table_that_was_taken_over_is_kept_unless_morello_brings_a_newer_one(tmp_path):
    newer = Table("2999-01-01", "them", OURS.models)
    keeping.keep(tmp_path, newer)
    assert keeping.load(tmp_path) == newer
    assert (tmp_path / "facts.json").stat().st_mode & 0o777 == 0o600
    keeping.keep(tmp_path, OURS)
    assert keeping.load(tmp_path) is bundled()


def test_a_table_that_cannot_be_read_is_left_alone(tmp_path, caplog):
    (tmp_path / "facts.json").write_text("{")
    assert keeping.load(tmp_path) is bundled()
    assert "cannot be read" in caplog.text
    assert (tmp_path / "facts.json").read_text() == "{"


async def test_the_list_of_models_tells_what_is_known(api):
    providers = api.gateway.providers
    await providers.add("openai", "openai_chat", "https://api.openai.com/v1", None)
    await providers.choose("openai", "gpt-x", Chosen(added=True))
    await api.gateway.use_table(Table("2999-01-01", "us", OURS.models))
    async with api.client() as client:
        (listed,) = [
            model for model in (await client.get("/openai/v1/models")).json()["data"] if model["id"] == "openai:gpt-x"
        ]
    assert listed["capabilities"] == ["tools"]
    assert (listed["context_length"], listed["max_output_tokens"]) == (1000, 100)
    assert listed["pricing"] == {"input": "1.25"}


async def test_what_the_owner_says_is_believed_first(api):
    providers = api.gateway.providers
    await providers.add("openai", "openai_chat", "https://api.openai.com/v1", None)
    await providers.choose("openai", "gpt-x", Chosen(added=True, facts=Facts(prices=Prices(input=Decimal(7)))))
    known = providers.facts(providers.find("openai"), Model("gpt-x", context=5))
    assert known.facts.prices == Prices(input=Decimal(7))
    assert known.sources["prices"] == "yours"
    assert known.sources["context"] == "listed"


def test_a_provider_at_another_host_has_no_price_of_ours():
    from api.providers.describing import described_by

    elsewhere = Provider(id="openai", name="x", dialects=("openai_chat",), base_url="https://proxy.example/v1")
    assert described_by(OURS, Facts(), elsewhere, Model("gpt-x")).facts.prices is None
