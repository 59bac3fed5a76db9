"""The Models page: names of the owner's own, their order, and every model there is."""

import json
import time

import pytest
from msgspec import structs

from api.providers.chosen import Chosen
from api.providers.groups import Policy
from api.store.attempts import AttemptRow
from api.store.calls import CallRow
from tests.fakes import answers, far_end
from tests.webui.reading import find, find_all

HTMX = {"hx_request": "true"}
LIST = answers(200, json.dumps({"data": [{"id": name} for name in ("small", "large", "vast")]}).encode())


@pytest.fixture
async def providers(dashboard):
    async with far_end(LIST) as far:
        await dashboard.api.gateway.providers.add("one", "openai_chat", far.url, None)
        await dashboard.api.gateway.providers.refresh()
        yield dashboard.api.gateway.providers


def rows(page):
    return [name.text for name in find(page, id="models").inside if name.tag == "bdi"]


async def test_every_model_is_a_row_and_the_search_narrows_them(dashboard, providers):
    async with dashboard.client() as browser:
        page = (await browser.get("/models")).text
        found = (await browser.get("/models?find=one:+L")).text
        of_one = (await browser.get("/models?provider=one")).text
    assert {"one:small", "one:large", "one:vast", "morello:echo", "local:gemma-3-270m"} <= set(rows(page))
    assert rows(found) == ["one:small", "one:large"]
    assert rows(of_one) == ["one:small", "one:large", "one:vast"]
    assert find(page, id="models_told").text.startswith("8 from 3 providers")


async def test_what_is_typed_comes_as_a_part_and_the_address_follows(dashboard, providers):
    async with dashboard.client(**HTMX) as browser:
        told = await browser.get("/models/list?find=vast&on=on")
    assert rows(told.text) == ["one:vast"]
    assert told.headers["hx-replace-url"] == "/models?find=vast&on=on"


async def test_a_model_is_switched_off_and_is_gone_from_the_api(dashboard, providers):
    async with dashboard.client(**HTMX) as browser:
        told = await browser.post("/models/switch", data={"provider": "one", "model": "small"})
    assert providers.choosing.of("one") == {"small": Chosen(enabled=False)}
    assert "7 on" in find(told.text, id="models_told").text
    assert "small" not in [model.id for model in providers.models(providers.find("one"))]


async def test_a_switch_that_cannot_be_goes_back_with_a_reason(dashboard, providers):
    async with dashboard.client(**HTMX) as browser:
        told = (await browser.post("/models/switch", data={"provider": "gone", "model": "x", "enabled": "on"})).text
    assert "There is no provider “gone”." in find(told, class_="toast").text
    assert find(told, id="models")


async def test_a_model_is_added_by_hand_and_taken_back(dashboard, providers):
    async with dashboard.client(**HTMX) as browser:
        page = (await browser.post("/models/add", data={"provider": "one", "model": "hidden"})).text
        assert "added by you" in find(page, id="models").text
        assert (await providers.resolve("hidden")).provider.id == "one"
        wrong = (await browser.post("/models/add", data={"provider": "one", "model": " "})).text
        page = (await browser.post("/models/remove", data={"provider": "one", "model": "hidden"})).text
    assert "The model's name is empty" in find(wrong, id="models").text
    assert "one:hidden" not in rows(page)


async def test_fetching_the_lists_says_what_changed(dashboard):
    async with far_end(LIST) as far, dashboard.client(**HTMX) as browser:
        await dashboard.api.gateway.providers.add("one", "openai_chat", far.url, None)
        page = (await browser.post("/models/refresh")).text
        far.behaviour = answers(500, b"broken")
        failed = (await browser.post("/models/refresh")).text
    assert "3 new, 0 gone." in find(page, class_="toast").text
    assert "Nothing changed. Not answered: one." in find(failed, class_="toast").text


async def test_a_name_is_given_to_models_in_order(dashboard, providers):
    form = {"name": "smart", "model": ["one:large", "one:small", ""], "retry": "on", "patience": "3"}
    async with dashboard.client() as browser:
        kept = await browser.post("/models/names", data=form)
        page = (await browser.get("/models")).text
    assert (kept.status_code, kept.headers["location"]) == (303, "/models")
    group = providers.groups.find("smart")
    assert group.models == ("one:large", "one:small")
    assert group.policy == Policy(circuit=False, patience=3.0)
    assert [hop.text for hop in find(page, id="alias-smart").inside if hop.tag == "bdi"] == ["one:large", "one:small"]


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"name": "one", "model": "one:small"}, "There is a provider “one” already."),
        ({"name": "v1", "model": "one:small"}, "is a name of Morello's own"),
        ({"name": "", "model": "one:small"}, "cannot be a provider's id"),
        ({"name": "x", "model": ""}, "must stand for at least one model"),
        ({"name": "x", "model": "there"}, "is an alias or group itself"),
        ({"name": "there", "model": "one:small"}, "There is an alias or group “there” already."),
        ({"name": "x", "model": "one:small", "most": "0"}, "whole number from 1 to 20"),
        ({"name": "x", "model": "one:small", "patience": "long"}, "0 to 120 seconds"),
    ],
)
async def test_what_cannot_be_a_name_is_said_beside_what_was_typed(dashboard, providers, form, sentence):
    await providers.group("there", ["one:small"], Policy())
    async with dashboard.client() as browser:
        answer = await browser.post("/models/names", data=form)
    assert answer.status_code == 422
    drawer = find(answer.text, id="drawer")
    assert sentence in drawer.text
    assert find(answer.text, id="alias-name")["value"] == form["name"]
    assert [group.name for group in providers.groups.all()] == ["there"]


async def test_a_name_is_changed_with_its_order_and_the_old_one_is_gone(dashboard, providers):
    await providers.group("smart", ["one:small"], Policy(most=3))
    async with dashboard.client(**HTMX) as browser:
        drawer = (await browser.get("/models/names/smart")).text
        await browser.post("/models/names", data={"was": "smart", "name": "wise", "model": "one:vast", "retry": "on"})
    assert find(drawer, id="alias-most")["value"] == "3"
    assert [(group.name, group.models) for group in providers.groups.all()] == [("wise", ("one:vast",))]


async def test_a_removed_name_comes_back_with_undo(dashboard, providers):
    await providers.group("smart", ["one:small", "one:vast"], Policy(most=3))
    async with dashboard.client(**HTMX) as browser:
        gone = (await browser.post("/models/names/smart/remove")).text
        assert providers.groups.all() == []
        await browser.post(find(gone, "form", action="/models/names/smart/restore")["action"])
        again = (await browser.post("/models/names/nobody/restore")).text
    (group,) = providers.groups.all()
    assert (group.models, group.policy) == (("one:small", "one:vast"), Policy(most=3))
    assert "There is no alias or group “nobody”." in find(again, class_="toast").text


@pytest.mark.parametrize(
    ("move", "order"),
    [("1:-1", "bac"), ("1:1", "acb"), ("0:-1", "abc"), ("2:1", "abc"), ("1:0", "ac"), ("9:1", "abc"), ("x", "abc")],
)
async def test_without_scripts_the_order_is_changed_by_buttons(dashboard, move, order):
    async with dashboard.client() as browser:
        page = (
            await browser.post("/models/names/arrange", data={"name": "n", "model": list("abc"), "move": move})
        ).text
    assert "".join(field["value"] for field in find_all(page, "input", name="model")) == order
    assert find(page, id="alias-name")["value"] == "n"


async def test_what_is_passed_over_now_says_why(dashboard, providers):
    await providers.group("smart", ["one:small", "gone:x", "one:large"], Policy())
    await providers.choose("one", "small", Chosen(enabled=False))
    async with dashboard.client() as browser:
        page = (await browser.get("/models")).text
    hops = find(page, id="alias-smart").text
    assert "“one:small” is switched off" in hops
    assert "There is no model “gone:x”" in hops


async def test_a_row_tells_its_day_and_the_table_is_sorted_by_it(dashboard, providers):
    now, health = time.time(), dashboard.api.gateway.health
    health.add([call(now, provider="one", first=300.0, served="large")], [vain(now, "large", '<b>"busy"')])
    async with dashboard.client() as browser:
        page = (await browser.get("/models?provider=one&sort=today")).text
        odd = await browser.get("/models?sort=nonsense")
    assert rows(page) == ["one:large", "one:small", "one:vast"]
    assert "1 failed" in find(page, id="models").text
    assert '<b>"busy' not in page
    assert find(page, id="sort-today")
    assert odd.status_code == 200


def call(at, provider, first, served):
    row = CallRow(at, "req_1", "/v1/x", "openai_chat", None, provider, served, 200, None, False, 1, 1, first, 9.0, 1, 1)
    return structs.replace(row, asked="fast")


def vain(at, model, words):
    return AttemptRow(at, "req_2", "one", model, 0, 503, "upstream_error", "provider", words, 1.0)
