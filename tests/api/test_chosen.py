"""What the owner chose for single models: off, added, back after an undo."""

import pytest

from api.errors import ModelOff, UnknownModel
from api.providers.chosen import Chosen
from api.providers.groups import Policy
from tests.fakes import answers, far_end

LIST = answers(200, b'{"data":[{"id":"small"},{"id":"large"}]}')


@pytest.fixture
async def providers(gateway):
    async with far_end(LIST) as far:
        await gateway.providers.add("one", "openai_chat", far.url, None)
        await gateway.providers.refresh()
        yield gateway.providers


def ids(providers):
    return [model.id for model in providers.models(providers.find("one"))]


async def test_a_model_that_is_off_is_not_listed_and_says_so(providers):
    await providers.choose("one", "small", Chosen(enabled=False))
    assert ids(providers) == ["large"]
    with pytest.raises(ModelOff, match="“one:small” is switched off"):
        await providers.resolve("one:small")
    with pytest.raises(UnknownModel):
        await providers.resolve("small")
    await providers.choose("one", "small", Chosen())
    assert ids(providers) == ["small", "large"]


async def test_a_model_that_was_added_is_listed_after_the_others(providers):
    await providers.choose("one", " hidden ", Chosen(added=True))
    assert ids(providers) == ["small", "large", "hidden"]
    assert (await providers.resolve("hidden")).provider.id == "one"


async def test_a_group_passes_over_a_model_that_is_off(providers):
    await providers.group("both", ["one:small", "one:large"], Policy())
    await providers.choose("one", "small", Chosen(enabled=False))
    plan = await providers.plan("both")
    assert [route.model for route in plan.routes] == ["large"]
    assert "switched off" in str(plan.left[0])


async def test_choices_survive_a_restart_and_an_undo_but_no_farewell(home, cache, providers, gateway):
    await providers.choose("one", "small", Chosen(enabled=False))
    assert type(providers.choosing)(gateway.store).of("one") == {"small": Chosen(enabled=False)}
    await providers.remove("one")
    assert type(providers.choosing)(gateway.store).of("one") == {}
    await providers.restore("one")
    assert ids(providers) == ["large"]
    assert type(providers.choosing)(gateway.store).of("one") == {"small": Chosen(enabled=False)}


async def test_a_list_that_is_fetched_anew_says_what_changed(gateway):
    async with far_end(LIST) as far:
        await gateway.providers.add("one", "openai_chat", far.url, None)
        (first,) = await gateway.providers.refresh()
        far.behaviour = answers(200, b'{"data":[{"id":"large"},{"id":"new"}]}')
        (second,) = await gateway.providers.refresh(["one"])
        far.behaviour = answers(500, b"broken")
        (third,) = await gateway.providers.refresh(["one"])
    assert (first.added, first.gone) == (("large", "small"), ())
    assert (second.added, second.gone, second.fault) == (("new",), ("small",), None)
    assert third.fault is not None
    assert (third.added, third.gone) == ((), ())


async def test_the_nearest_names_have_aliases_among_them(providers):
    await providers.group("fast", ["one:small"], Policy())
    with pytest.raises(UnknownModel, match="Near to it: fast"):
        await providers.resolve("fsat")
