"""Three languages, all of them whole: who gets which, what they are told, and that nothing is left unsaid."""

import ast
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from babel.messages.catalog import Catalog
from playwright.async_api import BrowserContext, expect

from api.errors import PortRefused, PortTaken, SaidInWords, UpstreamUnreachable
from api.gateway import Gateway
from api.providers.presets import PRESETS
from api.providers.provider import DIALECTS, Provider
from tests.webui.conftest import Dashboard, Site, free_port
from tests.webui.reading import find, find_all
from tests.webui.test_words import MARKED, unsaid
from webui.clients import CLIENTS
from webui.locale import SPOKEN, choose, gather, locale
from webui.locale.compile import compile_all, compiled, sources
from webui.render import environment

CHINESE = ("zh-Hant-HK", "zh-Hans")
PLACEHOLDER = re.compile(r"%\(\w+\)[.\d]*[a-z]|<[^>]+>")
MORNING = datetime(2025, 3, 4, 9, 5, 7).timestamp()


# Who gets which language


@pytest.mark.parametrize(
    ("asked", "tag"),
    [
        ("zh-HK", "zh-Hant-HK"),
        ("zh-TW,zh;q=0.9,en;q=0.8", "zh-Hant-HK"),
        ("zh-MO", "zh-Hant-HK"),
        ("zh-Hant", "zh-Hant-HK"),
        ("zh-hant-tw", "zh-Hant-HK"),
        ("zh", "zh-Hans"),
        ("zh-CN,zh;q=0.9", "zh-Hans"),
        ("zh-SG", "zh-Hans"),
        ("zh-Hans-HK", "zh-Hans"),
        ("zh-MY", "zh-Hans"),
        ("fr, zh-TW;q=0.9, en;q=0.8", "zh-Hant-HK"),
        ("en;q=0.1, zh", "zh-Hans"),
        ("zh ; q=0.2 , en-GB ; q=0.9", "en"),
        ("zh;q=0, en;q=0.1", "en"),
    ],
)
def test_a_browser_gets_the_language_it_prefers(asked, tag):
    assert choose(asked).tag == tag


@pytest.mark.parametrize(
    "asked",
    [
        *("", "en", "en-GB,en;q=0.9", "xx", "fr;q=0.5, en;q=0", "*", ";;q=,", "-", "--zh", "q" * 10_000),
        *("en;q=abc", "\udcff", "zh;q=", "zh;q=nan", "zh;x=1", "-" * 10_000, "zhzh", "，".join(["zh"] * 50)),
    ],
)
def test_whoever_asks_for_nothing_that_is_spoken_gets_english(asked):
    assert choose(asked).tag == "en"


def test_only_the_first_wishes_are_read():
    assert choose(",".join(["xx"] * 30 + ["zh"])).tag == "en"


def test_the_choice_made_here_beats_the_browser():
    assert choose("zh-CN", "zh-Hant-HK").tag == "zh-Hant-HK"
    assert choose("zh-CN", "en").tag == "en"
    assert choose("zh-CN").tag == "zh-Hans"


# Numbers and times


@pytest.mark.parametrize(
    ("template", "english", "traditional", "simplified"),
    [
        ("{{ 1234567|number }}", "1,234,567", "1,234,567", "1,234,567"),
        ("{{ none|number }}", "–", "–", "–"),
        ("{{ 9999|compact }}", "9,999", "9,999", "9,999"),
        ("{{ 10000|compact }}", "10 k", "1 萬", "1 万"),
        ("{{ 318000|compact }}", "318 k", "31.8 萬", "31.8 万"),
        ("{{ 1840000|compact }}", "1.84 M", "184 萬", "184 万"),
        ("{{ 999999|compact }}", "1 M", "100 萬", "100 万"),
        ("{{ 123456789|compact }}", "123 M", "1.23 億", "1.23 亿"),
        ("{{ 2500000000|compact }}", "2.5 B", "25 億", "25 亿"),
        ("{{ 0|milliseconds }}", "0 ms", "0 ms", "0 ms"),
        ("{{ 999.4|milliseconds }}", "999 ms", "999 ms", "999 ms"),
        ("{{ 999.6|milliseconds }}", "1.00 s", "1.00 s", "1.00 s"),
        ("{{ 1942|milliseconds }}", "1.94 s", "1.94 s", "1.94 s"),
        ("{{ 9999|milliseconds }}", "10.0 s", "10.0 s", "10.0 s"),
        ("{{ 12345|milliseconds }}", "12.3 s", "12.3 s", "12.3 s"),
        ("{{ 300000|milliseconds }}", "300 s", "300 s", "300 s"),
        ("{{ none|milliseconds }}", "–", "–", "–"),
        ("{{ 1942|milliseconds_parts|join('|') }}", "1.94|s", "1.94|s", "1.94|s"),
        ("{{ 6849|seconds }}", "6.8 s", "6.8 s", "6.8 s"),
        ("{{ 312|seconds }}", "0.3 s", "0.3 s", "0.3 s"),
        ("{{ 41|seconds }}", "41 ms", "41 ms", "41 ms"),
        ("{{ none|seconds }}", "–", "–", "–"),
        ("{{ 16620|duration }}", "4 h 37 min", "4 小時 37 分鐘", "4 小时 37 分钟"),
        ("{{ morning|clock|striptags }}", "4 Mar 2025, 09:05", "2025 年 3 月 4 日 09:05", "2025 年 3 月 4 日 09:05"),
        (
            "{{ morning|clock_seconds|striptags }}",
            *("4 Mar 2025, 09:05:07", "2025 年 3 月 4 日 09:05:07", "2025 年 3 月 4 日 09:05:07"),
        ),
    ],
)
def test_figures_are_written_as_each_language_does(template, english, traditional, simplified):
    written = [
        environment(locale(tag)).from_string(template).render(now=time.time(), morning=MORNING) for tag in SPOKEN
    ]
    assert written == [english, traditional, simplified]


def test_a_time_of_today_needs_no_date_and_names_itself_for_machines():
    now = time.time()
    shown = find(environment(locale("zh-Hans")).from_string("{{ now|clock_seconds }}").render(now=now), "time")
    assert shown.text == datetime.fromtimestamp(now).strftime("%H:%M:%S")
    assert datetime.fromisoformat(shown["datetime"]).timestamp() == int(now)
    assert "data-seconds" in shown.attributes


# What is said


def test_an_error_is_said_in_the_reader_s_words():
    error = PortRefused("Port %(port)d is the dashboard's own. Choose another one for the API.", port=23300)
    assert locale("zh-Hant-HK").said(error) == "埠口 23300 由控制台自己使用。為 API 選擇另一個埠口。"
    assert locale("zh-Hans").said(error) == "端口 23300 由控制台自己使用。为 API 选择另一个端口。"
    assert locale("en").said(error) == str(error)


def test_a_taken_port_is_told_in_every_language():
    taken = PortTaken(23333, free=23334)
    for tag in CHINESE:
        said = locale(tag).said(taken)
        assert "23333" in said
        assert "23334" in said
        assert "in use" not in said


def test_what_another_program_said_is_passed_on_as_it_is():
    for words in ("", "100% of your quota is used.", "%(id)s", "Stopped!"):
        assert locale("zh-Hans").said(PortRefused(words)) == words


def test_a_sentence_within_a_sentence_is_said_as_well():
    why = SaidInWords("No connection to %(host)s port %(port)d: %(reason)s", host="localhost", port=1, reason="EPERM")
    whole = "The provider “%(id)s” broke off before it answered: %(reason)s"
    error = UpstreamUnreachable(whole, id="ollama", reason=why)
    assert str(error).endswith("it answered: No connection to localhost port 1: EPERM")
    assert locale("zh-Hans").said(error) == "服务商“ollama”在响应之前中断：无法连接 localhost 端口 1：EPERM"


async def test_a_provider_that_is_not_there_is_told_in_the_reader_s_words(gateway: Gateway):
    nobody = Provider(id="nobody", name="Nobody", dialects=DIALECTS, base_url=f"http://127.0.0.1:{free_port()}/v1")
    with pytest.raises(UpstreamUnreachable) as caught:
        await gateway.upstream.list_models(nobody)
    said = locale("zh-Hant-HK").said(caught.value)
    assert said.startswith("無法在 http://127.0.0.1:")
    assert "No connection" not in said
    assert "Connection refused" in said


def test_a_start_without_a_look_at_the_dashboard_does_not_wait_for_babel():
    looking = "import sys, webui.app, webui.serve; print('babel' in sys.modules)"
    started = subprocess.run([sys.executable, "-c", looking], cwd=gather.ROOT, capture_output=True, text=True)
    assert started.stdout == "False\n", started.stderr


async def test_each_language_is_a_page_of_its_own(dashboard: Dashboard):
    titles = {}
    for tag in SPOKEN:
        async with dashboard.client(accept_language=tag) as browser:
            page = (await browser.get("/settings")).text
            titles[find(page, "html")["lang"]] = find(page, "title").text
    assert titles == {
        "en": "Settings · Morello",
        "zh-Hant-HK": "設定 · Morello",
        "zh-Hans": "设置 · Morello",
    }


# The choice


async def choose_by_form(dashboard: Dashboard, **fields: str) -> Any:
    async with dashboard.client(accept_language="en") as browser:
        return await browser.post("/language", data=fields)


async def test_a_choice_is_kept_and_leads_back(dashboard: Dashboard):
    answer = await choose_by_form(dashboard, language="zh-Hans", back="/providers?add=openai")
    assert (answer.status_code, answer.headers["location"]) == (303, "/providers?add=openai")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"morello_language_{dashboard.port}=zh-Hans; Path=/; Max-Age=")
    assert cookie.endswith("; HttpOnly; SameSite=Lax")
    async with dashboard.client(accept_language="en") as browser:
        browser.cookies.set(f"morello_language_{dashboard.port}", "zh-Hans")
        assert find((await browser.get("/settings")).text, "html")["lang"] == "zh-Hans"


async def test_a_cookie_that_another_server_set_beside_ours_chooses_nothing(dashboard: Dashboard):
    name = f"morello_language_{dashboard.port}"
    for planted in ("xx", "../../etc", "", '"><b>'):
        async with dashboard.stranger(cookie=f"{name}={planted}; {name}=zh-Hans") as browser:
            assert find((await browser.get("/")).text, "html")["lang"] == "zh-Hans"


@pytest.mark.parametrize(
    "back",
    [
        *(
            "",
            "providers",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "/a\r\nset-cookie: a=b",
            "/\tb",
        ),
        *("/ü", "/" + "a" * 1100, "/ /evil.example", "javascript:alert(1)"),
    ],
)
async def test_the_way_back_never_leads_elsewhere(dashboard: Dashboard, back):
    answer = await choose_by_form(dashboard, language="zh-Hans", back=back)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


async def test_an_unknown_language_changes_nothing(dashboard: Dashboard):
    for language in ("", "xx", "zh-hans", "zh-Hans; Domain=evil.example", "../../x"):
        answer = await choose_by_form(dashboard, language=language, back="/")
        assert answer.status_code == 303
        assert "set-cookie" not in answer.headers


async def test_another_site_chooses_nothing(dashboard: Dashboard):
    async with dashboard.client(origin="http://evil.example") as browser:
        assert (await browser.post("/language", data={"language": "zh-Hans"})).status_code == 403


async def test_whoever_is_not_signed_in_may_choose_as_well(dashboard: Dashboard):
    async with dashboard.stranger(origin=dashboard.url) as browser:
        locked = (await browser.get("/settings")).text
        assert find(locked, "form", action="/language")
        back = find(locked, "input", name="back")["value"]
        answer = await browser.post("/language", data={"language": "zh-Hant-HK", "back": back})
        again = await browser.get(answer.headers["location"])
    assert answer.headers["location"] == "/settings"
    assert find(again.text, "h1").text == "控制台已鎖定"
    assert [button.attributes.get("aria-current") for button in find_all(again.text, "button", name="language")] == [
        None,
        "true",
        None,
    ]


# Nothing is left unsaid


@pytest.fixture(scope="module")
def said() -> Catalog:
    """Everything that the sources say."""
    return gather.gathered()


@pytest.mark.parametrize("tag", CHINESE)
def test_every_sentence_has_its_translation(said: Catalog, tag):
    catalogue = gather.catalogue(tag)
    untranslated = [
        message.id
        for message in said
        if message.id and not ((known := catalogue.get(message.id)) and gather.is_translated(known))
    ]
    assert not untranslated, f"run `make translations`, then translate what is empty in {tag}"


# Code, commands and addresses, and the initials that stand for a name.
THE_SAME = re.compile(r'<(pre|code)\b.*?</\1>|<(\w+) class="(?:mark|mono|value)\b[^>]*>.*?</\2>', re.DOTALL)
NAMES = {word for known in (*PRESETS, *CLIENTS) for word in re.findall(r"[^\W\d_]+", known.name)}
NAMES |= {"MIT", "local", "morello"}


async def test_every_page_says_everything_in_the_reader_s_language(dashboard: Dashboard, monkeypatch):
    monkeypatch.setattr("webui.house.choose", lambda *_asked: MARKED)
    left = dict[str, set[str]]()
    async with dashboard.client() as browser:
        for path in (
            "/",
            "/?ask=regenerate",
            "/?metric=latency",
            "/providers",
            "/providers/add",
            "/models",
            "/models/names/add",
            "/settings",
            "/lost",
        ):
            page = (await browser.get(path)).text
            left[path] = set(unsaid(THE_SAME.sub("", page))) - NAMES
    assert not any(left.values()), left


@pytest.mark.parametrize("tag", CHINESE)
def test_nothing_is_kept_that_nobody_says_any_more(said: Catalog, tag):
    catalogue = gather.catalogue(tag)
    assert not [message.id for message in catalogue if message.id and message.id not in said]
    assert not catalogue.obsolete, "run `make translations`"


@pytest.mark.parametrize("tag", CHINESE)
def test_a_translation_names_what_its_sentence_names(tag):
    different = list[object]()
    for message in gather.catalogue(tag):
        wanted = set(PLACEHOLDER.findall(gather.forms(message.id)[-1]))
        for string in gather.forms(message.string):
            if message.id and set(PLACEHOLDER.findall(string)) != wanted:
                different.append(message.id)
    assert not different


CJK = r"[\u3400-\u9fff]"
LATIN = r"[A-Za-z0-9%]"
# Where a sign that stands for a placeholder or a tag would be counted as a letter.
INSIDE = re.compile(r"</?[a-z][^>]*>")


@pytest.mark.parametrize("tag", CHINESE)
def test_chinese_is_set_with_its_own_points_and_a_space_beside_latin(tag):
    wrong = re.compile(rf"{CJK}[,;:?!.](?!\w)|{CJK}{LATIN}(?!\(time\)s前)|[a-zA-Z0-9]{CJK}")
    joined = list[str]()
    for message in gather.catalogue(tag):
        for string in gather.forms(message.string):
            shown = INSIDE.sub("", string).replace("%(time)s前", "%(time)s 前")
            if message.id and wrong.search(shown):
                joined.append(string)
    assert not joined


@pytest.mark.parametrize("tag", CHINESE)
def test_the_terms_of_the_owner_are_used(tag):
    foreign = {
        "zh-Hant-HK": "端口|密匙|服務器|服務提供商|軟體|網路|默認|用戶端|登錄|請(?!求)",
        "zh-Hans": "埠|伺服器|服务提供商|软体|网路|登入|请(?!求)",
    }
    used = [m.string for m in gather.catalogue(tag) if re.search(foreign[tag], "".join(gather.forms(m.string)))]
    assert not used


TRADITIONAL_ONLY = "個這為說無時開關啟動運請鑰碼網絡設檢壓縮體"
SIMPLIFIED_ONLY = "个这为说无时开关启动运请钥码网络设检压缩体"


@pytest.mark.parametrize(("tag", "other"), [("zh-Hant-HK", SIMPLIFIED_ONLY), ("zh-Hans", TRADITIONAL_ONLY)])
def test_each_script_keeps_to_itself(tag, other):
    assert not [m.string for m in gather.catalogue(tag) if m.id and set("".join(gather.forms(m.string))) & set(other)]


def test_what_gettext_reads_is_what_the_translators_wrote():
    old = [source for source in sources() if source.with_suffix(".mo").read_bytes() != compiled(source)]
    assert not old, "run `.ci/prepare run`"
    assert {source.parents[1].name for source in sources()} == set(CHINESE)


def test_a_fuzzy_translation_is_not_used(tmp_path):
    source = tmp_path / "zh-Hans/LC_MESSAGES/morello.po"
    source.parent.mkdir(parents=True)
    source.write_text('#, fuzzy\nmsgid "Stop"\nmsgstr "猜"\n\nmsgid "Start"\nmsgstr "启动"\n')
    compile_all(tmp_path)
    read = source.with_suffix(".mo").read_bytes()
    assert "启动".encode() in read
    assert "猜".encode() not in read


def owner_errors() -> Iterator[tuple[str, ast.expr]]:
    """Where an error that an owner meets is made, and its first argument."""
    errors = {name for name in gather.KEYWORDS if name[0].isupper()} - {"SaidInWords", "BadReply", "StreamBroken"}
    for path in sorted([*gather.ROOT.glob("api/**/*.py"), *gather.ROOT.glob("webui/**/*.py")]):
        name = path.relative_to(gather.ROOT).as_posix()
        if name in gather.UNSEEN:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in errors and node.args:
                yield f"{name}:{node.lineno}", node.args[0]


def test_no_error_is_put_together_before_it_can_be_translated():
    assert not [place for place, words in owner_errors() if isinstance(words, ast.JoinedStr | ast.BinOp)]


def test_gathering_again_changes_nothing(said: Catalog, tmp_path, monkeypatch):
    before = {tag: gather.source(tag).read_bytes() for tag in CHINESE}
    for tag in CHINESE:
        copy = tmp_path / f"{tag}.po"
        copy.write_bytes(before[tag])
        monkeypatch.setattr(gather, "source", lambda _tag, copy=copy: copy)
        gather.update(tag, said)
        assert copy.read_bytes() == before[tag], "run `make translations`"


# In a browser


async def switch(site: Site, context: BrowserContext, tag: str) -> Any:
    page = await site.open(context)
    await page.get_by_role("button", name=re.compile("^(Language|語言|语言)")).click()
    await page.locator(f'#languages button[value="{tag}"]').click()
    await expect(page.locator("html")).to_have_attribute("lang", tag)
    return page


@pytest.mark.browser
@pytest.mark.asyncio(loop_scope="session")
async def test_the_switch_at_the_foot_changes_everything_and_lasts(site: Site):
    page = await switch(site, site.context, "zh-Hant-HK")

    for _ in range(2):
        await expect(page).to_have_title("總覽 · Morello")
        await expect(page.locator("#server-title")).to_have_text("已停止")
        await expect(page.locator("#chip")).to_contain_text("已停止")
        await expect(page.locator(".server__bar p")).to_contain_text(re.compile(r"由 \d\d:\d\d 起 · 尚未啟動"))
        await page.reload()


@pytest.mark.browser
@pytest.mark.asyncio(loop_scope="session")
async def test_live_parts_arrive_in_the_language_that_was_chosen(site: Site):
    page = await switch(site, site.context, "zh-Hans")

    await site.api.door.start()

    await expect(page.locator("#server-title")).to_have_text("运行中")
    await expect(page.locator("#chip")).to_contain_text("运行中")
    await expect(page.locator("[data-up]").first).to_contain_text("秒")
