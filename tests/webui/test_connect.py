"""The way in: every snippet is exactly right for any model's name, holds no key on the page, and works as copied."""

import ast
import asyncio
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from tests.browser import accessible
from tests.connecting import copied, lists, providing, run, says_paris
from tests.fakes import far_end
from tests.webui.conftest import until
from tests.webui.reading import find, find_all
from tests.webui.test_words import MARKED, unsaid
from webui import quoting
from webui.clients import BY_ID, CLIENTS, QUESTION, Block, Values
from webui.colours import pieces
from webui.pages.connect import Connect
from webui.render import render
from webui.view import Told

KEY = "cs-sk-00000000-0000-4000-8000-000000009b1e"
ADDRESS = "http://127.0.0.1:23333"
HOSTILE = (
    '"; rm -rf ~ #',
    "'; rm -rf ~ #",
    "it's $(id) `id` ${HOME} !! \\",
    "two\nlines\r\n",
    "\x1b[201~\nid\n\x03",
    '"><img src=x onerror=alert(1)>',
    'x" hx-get="/',
    "{{ 7 * 7 }} {% raw %} %(name)s %s",
    "</pre></script>",
    "\u202emoc\u2028\u2029\u0085\ufeff\x7f",
    "模型 🍒 🏴\U000e0067",
    "- a: &b *c # d",
    "\\u0022 \\n",
    "\\",
    " ",
)
NAMES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40) | st.sampled_from(
    HOSTILE
)
ODD = 'it\'s "$(id)"\n🍒'
BLOCKS = [(client, number) for client in CLIENTS for number in range(len(client.blocks))]


def any_name(test):
    """With every hostile name, and with others that nobody thought of."""
    for name in HOSTILE:
        test = example(name)(test)
    return given(NAMES)(test)


def filled(model: str) -> Values:
    return Values(ADDRESS, KEY, model)


def written(client: str, model: str, number: int = 0) -> str:
    return BY_ID[client].blocks[number].write(filled(model))


def constants(source: str) -> set[object]:
    return {node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)}


# Written as a string of another language


@any_name
def test_a_json_string_means_its_text(name):
    assert json.loads(quoting.json(name)) == name
    assert json.loads(quoting.json_in_shell(name)) == name
    assert "'" not in quoting.json_in_shell(name)


@any_name
def test_a_python_string_means_its_text_in_yaml_too(name):
    assert ast.literal_eval(quoting.python(name)) == name
    assert yaml.safe_load(quoting.python(name)) == name


@any_name
def test_a_word_of_the_shell_means_its_text(name):
    if name.isprintable():
        assert shlex.split(quoting.shell(name)) == [name]
    assert "$'" in quoting.shell(name) or name.isprintable()


def test_the_shell_itself_reads_every_hostile_name_as_it_is():
    words = " ".join(map(quoting.shell, HOSTILE))
    told = subprocess.run(["bash", "-c", f"printf '%s\\0' {words}"], capture_output=True, check=True)
    assert told.stdout.decode().split("\0")[:-1] == list(HOSTILE)


@any_name
def test_what_cannot_be_seen_is_written_as_an_escape(name):
    for write in (quoting.shell, quoting.json, quoting.json_in_shell, quoting.python):
        assert write(name).isprintable()


# Whole snippets


@any_name
def test_the_curl_line_is_six_words_and_a_body(name):
    command, quiet, url, *options, body = shlex.split(written("curl", name).replace("\\\n", ""))
    assert [command, quiet, url] == ["curl", "-N", f"{ADDRESS}/v1/chat/completions"]
    assert options == ["-H", f"Authorization: Bearer {KEY}", "-H", "Content-Type: application/json", "-d"]
    message = {"role": "user", "content": QUESTION}
    assert json.loads(body) == {"model": name, "stream": True, "messages": [message]}


@any_name
def test_the_python_files_name_the_model(name):
    for client in ("python", "anthropic", "langchain"):
        assert name in constants(written(client, name))
        assert KEY in constants(written(client, name))


@any_name
def test_the_yaml_files_name_the_model(name):
    model = yaml.safe_load(written("vscode", name))["models"][0]
    assert (model["model"], model["apiKey"], model["apiBase"]) == (name, KEY, f"{ADDRESS}/v1")
    assert yaml.safe_load(written("aider", name)) == {
        "model": f"openai/{name}",
        "openai-api-key": KEY,
        "openai-api-base": f"{ADDRESS}/v1",
    }


@any_name
def test_the_json_file_names_the_model(name):
    opencode = json.loads(written("opencode", name))
    assert opencode["model"] == f"morello/{name}"
    assert list(opencode["provider"]["morello"]["models"]) == [name]
    assert opencode["provider"]["morello"]["options"] == {"baseURL": f"{ADDRESS}/v1", "apiKey": KEY}


@any_name
def test_the_strings_of_the_javascript_file_are_json(name):
    source = written("node", name)
    assert [json.loads(found) for found in re.findall(r'(?:baseURL|apiKey|model): (".*"),', source)] == [
        f"{ADDRESS}/v1",
        KEY,
        name,
    ]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_shell_that_reads_claude_codes_lines_has_what_they_say(name):
    lines = written("claude-code", name)
    told = subprocess.run(
        ["bash", "-c", f"{lines}env -0"],
        env={"PATH": os.environ["PATH"], "ANTHROPIC_API_KEY": "another one's"},
        capture_output=True,
        check=True,
    )
    had = dict(entry.split("=", 1) for entry in told.stdout.decode().split("\0") if entry.startswith("ANTHROPIC"))
    assert lines.startswith("unset ANTHROPIC_API_KEY\n")
    assert had == {
        "ANTHROPIC_BASE_URL": ADDRESS,
        "ANTHROPIC_AUTH_TOKEN": KEY,
        "ANTHROPIC_MODEL": name,
        "ANTHROPIC_DEFAULT_HAIKU_MODEL": name,
    }


@any_name
def test_the_toml_file_names_the_model(name):
    codex = tomllib.loads(written("codex", name))
    assert (codex["model"], codex["model_provider"]) == (name, "morello")
    assert codex["model_providers"]["morello"] == {
        "name": "Morello",
        "base_url": f"{ADDRESS}/v1",
        "wire_api": "responses",
        "experimental_bearer_token": KEY,
    }


@pytest.mark.parametrize("name", HOSTILE)
def test_a_shell_that_reads_gemini_clis_lines_has_what_they_say(name):
    told = subprocess.run(
        ["bash", "-c", f"{written('gemini-cli', name)}env -0"],
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        check=True,
    )
    had = dict(entry.split("=", 1) for entry in told.stdout.decode().split("\0") if "GEMINI" in entry)
    assert had == {"GOOGLE_GEMINI_BASE_URL": ADDRESS, "GEMINI_API_KEY": KEY, "GEMINI_MODEL": name}


def test_gemini_cli_is_told_to_ask_for_no_account():
    settings = json.loads(written("gemini-cli", "p:m", 1))
    assert settings == {"security": {"auth": {"selectedType": "gemini-api-key"}}}


def test_clines_fields_are_those_of_its_settings():
    fields = {block.label: block.write(filled("p:m")) for block in BY_ID["vscode"].blocks if block.label}
    assert fields == {"Base URL": f"{ADDRESS}/v1", "API Key": KEY, "Model ID": "p:m"}


# Colours


@given(st.text() | NAMES, st.sampled_from(["shell", "python", "javascript", "json", "yaml"]))
def test_colours_add_and_lose_nothing(text, language):
    found = list(pieces(text, language))
    assert "".join(piece for _, piece in found) == text
    assert {kind for kind, _ in found} <= {"", "k", "s", "c"}


def test_a_shells_lines_are_coloured():
    found = [piece for piece in pieces('export A="b" # why\n', "shell") if piece[0]]
    assert found == [("k", "export"), ("s", '"b"'), ("c", "# why")]


def test_what_looks_like_a_keyword_in_a_string_is_not_one():
    assert [piece for piece in pieces('x = "import for"', "python") if piece[0]] == [("s", '"import for"')]


# The card


def looked(**more) -> Connect:
    values = Values(ADDRESS, "cs-sk-••••••••9b1e", more.pop("model", "p:m"))
    look = {"client": CLIENTS[0], "is_built_in": False, "state": "running", "busy": False, "last": None}
    return Connect(shown=values, **{**look, **more})


def card(look: Connect, reader=MARKED, now: float = 1000.0) -> str:
    html = render(reader, "parts/connect.html", connect=look, csrf="c0ffee", now=now, told=Told())
    return f"<body>{html}</body>"


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.id)
def test_every_sentence_of_the_card_is_translated(client):
    page = card(looked(client=client, is_built_in=True, last=400))
    page = re.sub(r'<(\w+)[^>]*? translate="no">.*?</\1>', "", page, flags=re.DOTALL)
    for name in (*(client.name for client in CLIENTS), "Continue", "Cline", "p:m"):
        page = page.replace(f">{name}<", "><")
    assert unsaid(page) == []


@pytest.mark.parametrize(
    "look",
    [looked(state="stopped"), looked(state="failed"), looked(busy=True), looked(last=990), looked()],
)
def test_every_sentence_of_the_foot_is_translated(look):
    assert unsaid("<body" + card(look).partition('class="card__foot"')[2]) == []


@pytest.mark.parametrize(("client", "number"), BLOCKS, ids=lambda value: getattr(value, "id", value))
@pytest.mark.parametrize("name", ['"><img src=x onerror=alert(1)>', 'x" hx-get="/', "\n\n</pre>"])
def test_a_hostile_name_is_text_on_the_page(client, number, name):
    look = looked(client=client, model=name)
    page = card(look)
    block: Block = client.blocks[number]
    shown = [
        part for part in find_all(page, translate="no") if part.tag == "pre" or part.attributes.get("class") == "value"
    ]
    assert "".join(shown[number].texts) == block.write(look.shown)
    assert find_all(page, "img") == []
    assert not find_all(page, hx_get="/")


def test_no_empty_line_of_a_snippet_is_lost_on_the_way_through_the_stream():
    from webui.live import frame

    page = card(looked(client=BY_ID["python"]))
    came = "\n".join(line.removeprefix("data: ") for line in frame(page).splitlines())
    assert "".join(find(came, "pre").texts) == "".join(find(page, "pre").texts)
    assert "\n\n" in "".join(find(page, "pre").texts)


@pytest.mark.parametrize(
    ("look", "sentence"),
    [
        (looked(), "Waiting for the first request"),
        (looked(busy=True), "Connected last request just now"),
        (looked(last=990), "Connected last request just now"),
        (looked(last=690), "Connected last request 5 min ago"),
        (looked(state="stopped", last=990), "The API is not running"),
    ],
)
def test_the_foot_proves_the_connection(look, sentence):
    from webui.locale import locale

    foot = find(card(look, locale("en")), class_="card__foot")
    unseen = [part.text for part in foot.inside if "hidden" in part.attributes]
    text = foot.text
    for words in unseen:
        text = text.replace(words, " ")
    assert " ".join(text.split()).startswith(sentence)


# Over the wire


async def test_what_is_copied_has_the_whole_key_and_the_page_never_has(dashboard):
    key = dashboard.api.key
    async with dashboard.client(hx_request="true") as window:
        for client, number in BLOCKS:
            panel = (await window.get(f"/connect/{client.id}")).text
            text = await copied(dashboard, client.id, number)
            assert key not in panel
            assert key[6:18] not in panel
            shown = find(panel, id="connect-panel").text
            if client.blocks[number].holds_key:
                assert key in text
                assert f"cs-sk-••••••••{key[-4:]}" in shown


@pytest.mark.parametrize(
    "form",
    [{}, {"client": "curl"}, {"client": "curl", "block": "1"}, {"client": "curl", "block": "-1"}, {"block": "0"}],
)
async def test_what_is_not_there_cannot_be_copied(dashboard, form):
    async with dashboard.client() as window:
        assert (await window.post("/connect/copy", data=form)).status_code == 404
        assert (await window.get("/connect/nobody")).status_code == 404


async def test_a_link_chooses_a_client_and_the_choice_is_remembered(dashboard):
    async with dashboard.client() as window:
        page = await window.get("/", params={"client": "aider"})
        assert find(page.text, id="connect-aider")["aria-current"] == "true"
        [kept] = [cookie for cookie in page.headers.get_list("set-cookie") if cookie.startswith("morello_client_")]
        assert kept.startswith(f"morello_client_{dashboard.port}=aider;")
        assert kept.endswith("; HttpOnly; SameSite=Lax")
    async with dashboard.client() as later:
        later.cookies.set(f"morello_client_{dashboard.port}", "aider")
        assert find((await later.get("/")).text, id="connect-aider")["aria-current"] == "true"


async def test_a_choice_that_is_none_is_not_kept(dashboard):
    async with dashboard.client() as window:
        window.cookies.set(f"morello_client_{dashboard.port}", '"><script>')
        page = await window.get("/", params={"client": "nobody"})
        assert find(page.text, id="connect-curl")["aria-current"] == "true"
        assert "morello_client" not in str(page.headers.get_list("set-cookie"))


async def test_the_live_page_follows_the_choice_that_was_made_after_it_was_opened(dashboard):
    async with (
        dashboard.client(sec_fetch_site="same-origin") as window,
        window.stream("GET", "/live?page=overview") as stream,
    ):
        lines = stream.aiter_lines()
        await anext(line async for line in lines if 'id="connect"' in line)
        await window.get("/connect/opencode", headers={"hx-request": "true"})
        dashboard.api.gateway.news.tell()
        async with asyncio.timeout(10):
            await anext(line async for line in lines if 'hx-get="/connect/opencode" aria-current="true"' in line)


async def test_nothing_is_remembered_for_who_is_gone(dashboard):
    house = next(route for route in dashboard.app.router.routes if route.path == "").handler.keywords["house"]
    for _ in range(3):
        async with dashboard.stranger() as window:
            await window.get(dashboard.link())
            await window.get("/", params={"client": "aider"})
        await dashboard.sessions.end_others(but=None)
    assert len(house._clients) == 1


# Which model


@pytest.mark.parametrize("dialect", ["openai_chat", "anthropic"])
@pytest.mark.parametrize("client", ["python", "anthropic", "claude-code", "codex", "gemini-cli"])
async def test_a_snippet_names_the_first_model_that_answers_questions_whatever_its_dialect(dashboard, client, dialect):
    async with providing(dashboard, "text-embedding-3", "chat-x", "chat-y", dialect=dialect):
        assert '"far:chat-x"' in await copied(dashboard, client)


async def test_a_provider_that_nobody_asked_yet_is_asked_for_its_models_when_the_page_is_opened(dashboard):
    async with far_end(lists("own-model", speaks=says_paris)) as far:
        await dashboard.api.gateway.providers.add("far", "openai_chat", f"{far.url}/v1", None)
        async with dashboard.client() as window:
            await window.get("/")
        await until(lambda: dashboard.api.gateway.providers.models(dashboard.api.gateway.providers.find("far")))
        assert '"far:own-model"' in await copied(dashboard, "curl")


async def test_without_a_model_of_its_own_a_snippet_names_a_built_in_one(dashboard):
    local = dashboard.api.gateway.providers.find("local").fault is None
    chat = "local:gemma-3-270m" if local else "morello:echo"
    assert f'"{chat}"' in await copied(dashboard, "python")
    assert '"morello:tools"' in await copied(dashboard, "opencode")
    assert '"openai/morello:echo"' in await copied(dashboard, "aider")


async def test_a_name_that_no_command_line_can_hold_is_passed_over(dashboard):
    async with providing(dashboard, "nul\0", "x" * 300, "fine"):
        assert '"far:fine"' in await copied(dashboard, "python")


# As they are copied


@pytest.mark.parametrize("model", ["gpt-5-mini", 'it\'s "$(id)"\n🍒'])
async def test_the_curl_lines_work_as_copied(dashboard, model):
    if not shutil.which("curl"):
        pytest.skip("curl is not installed")
    async with providing(dashboard, model) as far:
        await dashboard.api.door.start()
        answer = await run("bash", given=await copied(dashboard, "curl"))
        assert "Par" in answer
        assert answer.rstrip().endswith("data: [DONE]")
        assert json.loads(far.last.body)["model"] == model


@pytest.mark.parametrize(
    ("client", "dialect"), [("python", "openai_chat"), ("anthropic", "anthropic")], ids=["openai", "anthropic"]
)
async def test_the_python_files_work_as_copied(dashboard, client, dialect):
    model = ODD
    async with providing(dashboard, model, dialect=dialect) as far:
        await dashboard.api.door.start()
        answer = await run(sys.executable, "-", given=await copied(dashboard, client))
        sent = json.loads(far.last.body)
        assert answer == "Paris\n"
        assert (sent["model"], sent["stream"], sent["messages"][0]["content"]) == (model, True, QUESTION)


# In a browser

OVERHANGING = """() => {
  const edge = document.getElementById("connect").getBoundingClientRect().right;
  const parts = [...document.querySelectorAll("#connect > *, #connect-panel *:not(pre *)")];
  return parts.filter((part) => part.getBoundingClientRect().right > edge).map((part) => part.outerHTML);
}"""


@pytest.mark.browser
@pytest.mark.asyncio(loop_scope="session")
class TestInABrowser:
    async def test_a_tab_opens_its_panel_and_copy_is_complete(self, site):
        page = await site.open()
        await page.click("#connect-claude-code")
        await page.wait_for_selector("#connect-claude-code[aria-selected=true]")
        await page.click("#connect .btn--copy")
        await page.wait_for_selector("#connect .btn--copy[data-done]")
        text = await page.evaluate("navigator.clipboard.readText()")
        assert text.startswith("unset ANTHROPIC_API_KEY\n")
        assert site.api.key in text
        assert site.api.key not in await page.content()
        await page.reload()
        assert await page.get_attribute("#connect-claude-code", "aria-selected") == "true"

    async def test_the_arrows_go_from_tab_to_tab(self, site):
        page = await site.open()
        await page.focus("#connect-curl")
        for key, tab in (("ArrowRight", "python"), ("End", "cursor"), ("ArrowRight", "curl"), ("ArrowLeft", "cursor")):
            await page.keyboard.press(key)
            await page.wait_for_selector(f"#connect-{tab}[aria-selected=true]:focus")
            assert await page.get_attribute("#connect-panel", "aria-labelledby") == f"connect-{tab}"
        assert await page.locator("[data-tabs] [tabindex='0']").count() == 1

    async def test_the_card_follows_the_address_and_the_calls_while_a_client_stays_chosen(self, site):
        page = await site.open()
        await page.click("#connect-aider")
        await page.wait_for_selector("#connect-aider[aria-selected=true]")
        await page.get_by_text("The API is not running").wait_for()
        await site.api.door.start()
        await page.get_by_text("Waiting for the first request").wait_for()
        async with site.api.client() as caller:
            asked = {"model": "morello:echo", "messages": [{"role": "user", "content": "hi"}]}
            await caller.post("/v1/chat/completions", json=asked)
        await page.locator("#connect").get_by_text("last request just now").wait_for()
        assert site.api.url in await page.inner_text("#connect pre")
        assert await page.get_attribute("#connect-aider", "aria-selected") == "true"

    async def test_the_page_counts_on_by_itself(self, site):
        page = await site.open()
        await site.api.door.start()
        async with site.api.client() as caller:
            asked = {"model": "morello:echo", "messages": [{"role": "user", "content": "hi"}]}
            await caller.post("/v1/chat/completions", json=asked)
        await page.wait_for_selector("#connect [data-ago]")
        await page.evaluate("document.querySelector('#connect [data-ago] [data-up]').dataset.up = 300")
        await page.get_by_text("last request 5 min ago").wait_for()

    async def test_without_scripts_the_tabs_are_links_and_copy_shows_the_text(self, site):
        context = await site.context.browser.new_context(java_script_enabled=False)
        page = await site.open(context)
        await page.get_by_role("link", name="LangChain").click()
        await page.wait_for_url("**/?client=langchain")
        await page.click("#connect .btn--copy")
        await until(lambda: page.url.endswith("/connect/copy"))
        assert site.api.key in await page.inner_text("body")
        await context.close()

    @pytest.mark.parametrize("width", [1360, 1024, 390])
    async def test_nothing_hangs_over_the_card(self, site, width):
        page = await site.open()
        await page.set_viewport_size({"width": width, "height": 900})
        for client in CLIENTS:
            await page.locator(f"#connect-{client.id}").evaluate("tab => tab.click()")
            await page.wait_for_selector(f"#connect-{client.id}[aria-selected=true]")
            assert await page.evaluate(OVERHANGING) == []
            assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    @pytest.mark.parametrize("scheme", ["light", "dark"])
    async def test_axe_finds_nothing(self, site, scheme):
        page = await site.open()
        await page.emulate_media(color_scheme=scheme)
        for client in ("curl", "vscode", "cursor"):
            await page.locator(f"#connect-{client}").evaluate("tab => tab.click()")
            await page.wait_for_selector(f"#connect-{client}[aria-selected=true]")
            await accessible(page)
