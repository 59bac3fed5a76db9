"""The page looks as the design says: its tokens one by one, and the laws that hold for whatever is on it."""

import json
import re

import pytest
from playwright.async_api import expect

from api.assets import folder
from api.listener import Running
from tests.browser import LANGUAGES, speak
from tests.fakes import answers, far_end
from tests.webui.states import TAKEN

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

# Token: light, dark.
COLOURS = {
    "canvas": ("#fafafa", "#121214"),
    "side": ("#f4f4f5", "#0d0d0f"),
    "card": ("#ffffff", "#19191c"),
    "inset": ("#f6f6f7", "#131315"),
    "line": ("#e6e6e9", "#29292e"),
    "line-2": ("#d5d5da", "#3a3a41"),
    "field-line": ("#91919b", "#6b6b76"),
    "fg": ("#18181b", "#ededef"),
    "fg-2": ("#4b4b53", "#b4b4bd"),
    "fg-3": ("#686870", "#91919b"),
    "accent": ("#8a1538", "#9e2047"),
    "accent-fg": ("#8a1538", "#f0a0b4"),
    "accent-line": ("#8a1538", "#d05a7e"),
    "ok": ("#1f9254", "#4cc38a"),
    "ok-fg": ("#14703f", "#6fd3a1"),
    "warn": ("#c27c00", "#e0a93b"),
    "warn-fg": ("#855000", "#eebf62"),
    "bad": ("#dd4b1a", "#f77b52"),
    "bad-fg": ("#ab3409", "#ff9e7d"),
    "go": ("#14703f", "#14703f"),
}
SIZES = {
    **{f"s{step}": f"{step * 4}px" for step in (1, 2, 3, 4, 5, 6, 8, 12)},
    "r-1": "4px",
    "r-2": "6px",
    "r-3": "10px",
    "r-4": "12px",
}
# What is seen, the property, and the token that it shows.
PAINTED = [
    ("body", "backgroundColor", "canvas"),
    ("body", "color", "fg"),
    (".side", "backgroundColor", "side"),
    (".side", "borderRightColor", "line"),
    (".card", "backgroundColor", "card"),
    (".card", "borderTopColor", "line"),
    (".ctl--ro", "backgroundColor", "inset"),
    (".ctl--ro", "borderTopColor", "line"),
    (".ctl:has(#port)", "borderTopColor", "field-line"),
    (".btn:not([class*=btn--])", "borderTopColor", "line-2"),
    (".btn--go", "backgroundColor", "go"),
    (".label", "color", "fg-2"),
    (".hint", "color", "fg-3"),
    (".logo__fruit", "fill", "accent"),
    (".nav [aria-current] .ico", "color", "accent-line"),
    (".tile[aria-pressed=true]::after", "backgroundColor", "accent-line"),
]
# What is read, its size and line in pixels, and its weight.
TYPE = [
    (".page__head h1", "18px", "28px", "600"),
    ("#server-title", "16px", "20px", "600"),
    (".card__head h2", "14px", "20px", "600"),
    ("body", "13px", "20px", "400"),
    (".hint", "12px", "16px", "400"),
    ("#tile-tokens .tile__v", "22px", "28px", "600"),
    (".tile__k", "12px", "16px", "500"),
]
# What is measured, the property, its value in pixels.
SHAPES = [
    (".card", "borderTopLeftRadius", 10),
    (".btn", "borderTopLeftRadius", 6),
    (".ctl", "borderTopLeftRadius", 6),
    (".dialog", "borderTopLeftRadius", 12),
    (".btn--go", "height", 32),
    (".ctl .btn--s", "height", 26),
    (".ctl", "height", 36),
    (".nav a", "height", 32),
    (".card__head", "height", 44),
]
CALL = {"model": "morello:echo", "messages": [{"role": "user", "content": "Hello"}]}
ROOMS = ("/", "/providers", "/models", "/settings")
READ = """([selector, property]) => {
    const [element, pseudo] = selector.split("::");
    return getComputedStyle(document.querySelector(element), pseudo && `::${pseudo}`)[property];
}"""
RESOLVE = """(names) => names.map((name) => {
    const probe = document.body.appendChild(document.createElement("i"));
    probe.style.color = `var(--${name})`;
    const { color } = getComputedStyle(probe);
    probe.remove();
    return color;
})"""
MODEL = {"object": "list", "data": [{"id": "claude-sonnet-4-5", "object": "model", "created": 1, "owned_by": "x"}]}
# The longest line may reach into the margin at its right.
CUT = """() => [...document.querySelectorAll("#connect pre")].filter((code) =>
    code.scrollWidth - parseFloat(getComputedStyle(code).paddingRight) > code.clientWidth
).map((code) => code.textContent)"""
THEMES = ("light", "dark")


def rgb(colour: str) -> str:
    """A colour as a browser says it."""
    return "rgb({}, {}, {})".format(*channels(colour))


def channels(colour: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(colour.removeprefix("#")))


def brightness(colour: str) -> float:
    """How light a colour is, as WCAG 2 defines it."""
    parts = (channel / 255 for channel in channels(colour))
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((brightness(one), brightness(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


async def style(page, selector, property):
    return await page.evaluate(READ, [selector, property])


async def tokens(page):
    return dict(zip(COLOURS, await page.evaluate(RESOLVE, list(COLOURS)), strict=True))


@pytest.mark.parametrize("theme", THEMES)
async def test_every_token_has_the_value_of_the_design(site, theme):
    page = await site.open()
    await page.emulate_media(color_scheme=theme)
    assert await tokens(page) == {name: rgb(pair[THEMES.index(theme)]) for name, pair in COLOURS.items()}
    root = "(names) => names.map((name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`))"
    assert dict(zip(SIZES, await page.evaluate(root, list(SIZES)), strict=True)) == SIZES


@pytest.mark.parametrize("theme", THEMES)
async def test_what_is_seen_shows_its_token(site, theme):
    page = await site.open()
    await page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    seen = [(what, which, await style(page, what, which)) for what, which, _ in PAINTED]
    assert seen == [(what, which, rgb(COLOURS[token][THEMES.index(theme)])) for what, which, token in PAINTED]


async def test_type_is_that_of_the_design(site):
    await site.api.door.start()
    async with site.api.client() as client:
        await client.post("/v1/chat/completions", json=CALL)
    await site.api.rows()  # what is not in the call table yet is not in the tiles
    page = await site.open()
    read = [
        (what, *[await style(page, what, which) for which in ("fontSize", "lineHeight", "fontWeight")])
        for what, *_ in TYPE
    ]
    assert read == TYPE


async def test_shapes_are_those_of_the_design(site):
    page = await site.open()
    measured = [(what, which, await style(page, what, which)) for what, which, _ in SHAPES]
    assert measured == [(what, which, f"{pixels}px") for what, which, pixels in SHAPES]


async def test_the_theme_that_was_chosen_outdoes_the_system(site):
    page = await site.open()
    for system, chosen in (("light", "dark"), ("dark", "light")):
        await page.emulate_media(color_scheme=system)
        await page.evaluate("(theme) => { document.documentElement.dataset.theme = theme; }", chosen)
        assert await style(page, "body", "backgroundColor") == rgb(COLOURS["canvas"][THEMES.index(chosen)])


@pytest.mark.parametrize("theme", [0, 1], ids=THEMES)
async def test_the_colours_can_be_told_apart(theme):
    colour = {name: pair[theme] for name, pair in COLOURS.items()}
    for ground in ("canvas", "side", "card", "inset"):
        for text in ("fg", "fg-2", "fg-3", "accent-fg", "ok-fg", "warn-fg", "bad-fg"):
            assert contrast(colour[text], colour[ground]) >= 4.5, (text, ground)
    assert contrast(colour["field-line"], colour["card"]) >= 3
    assert contrast("#ffffff", colour["accent"]) >= 7.6
    assert contrast("#ffffff", colour["go"]) >= 4.5


SMALL = """() => [...document.querySelectorAll("body *")].filter((element) =>
    [...element.childNodes].some((node) => node.nodeType === 3 && node.nodeValue.trim())
    && element.checkVisibility() && !element.closest("kbd, .mark, script, title")
    && parseFloat(getComputedStyle(element).fontSize) < 12).map((element) => element.outerHTML)"""
SHADOWS = (
    "() => [...document.querySelectorAll('.card')].filter((card) => getComputedStyle(card).boxShadow !== 'none').length"
)
UNEVEN = """() => [...document.querySelectorAll("main *")].filter((element) =>
    !getComputedStyle(element).fontVariantNumeric.includes("tabular-nums")).map((element) => element.outerHTML)"""
LIGATURES = """() => [...document.querySelectorAll("code, kbd, pre, .mono, .value")].filter((element) =>
    getComputedStyle(element).fontVariantLigatures !== "none").map((element) => element.outerHTML)"""


async def test_nothing_is_too_small_to_read_and_numbers_stand_in_columns(site):
    page = await site.open()
    for path in ROOMS:
        await page.goto(site.dashboard.url + path)
        for complaint in (SMALL, UNEVEN, LIGATURES):
            assert await page.evaluate(complaint) == [], path
        assert await page.evaluate(SHADOWS) == 0


CROWDED = """() => [...document.querySelectorAll("button, a[href], input, select, summary")].filter((element) => {
    if (!element.checkVisibility() || element.closest("p, .sr, .skip")) return false;
    const target = element.closest(".ctl:not(:has(form)), label") ?? element;
    const around = parseFloat(getComputedStyle(element, "::before").height) || 0;
    return Math.max(target.getBoundingClientRect().height, around) < 44;
}).map((element) => element.outerHTML.slice(0, 160))"""


async def test_on_a_small_screen_everything_is_large_enough_for_a_finger(site):
    page = await site.open()
    await page.set_viewport_size({"width": 390, "height": 844})
    for path in ROOMS:
        await page.goto(site.dashboard.url + path)
        assert await page.evaluate(CROWDED) == [], path
        assert await page.evaluate("document.documentElement.scrollWidth") == 390, path
    await page.goto(site.dashboard.url)
    await page.get_by_role("button", name="Main menu").click()
    await page.locator("[popovertarget=languages]").click()
    assert await page.evaluate(CROWDED) == []


MOVING = """() => [...document.querySelectorAll("*")].flatMap((element) => ["", "::before", "::after"].map((pseudo) =>
    getComputedStyle(element, pseudo))).filter((seen) => seen.animationName !== "none").length"""


async def test_nothing_moves_for_whoever_wants_it_still(site):
    page = await site.open()
    site.show(Running(23333, 0))
    await page.locator(".beacon--ok").wait_for()
    assert await page.evaluate(MOVING) > 0
    await page.emulate_media(reduced_motion="reduce")
    assert await page.evaluate(MOVING) == 0


@pytest.mark.parametrize(("language", "face"), [("zh-HK", "PingFang HK"), ("zh-CN", "PingFang SC")])
async def test_each_chinese_has_the_faces_of_its_place(site, browser, language, face):
    context = await browser.new_context(locale=language)
    try:
        page = await site.open(context)
        assert face in await style(page, "body", "fontFamily")
        assert face in await style(page, "h2", "fontFamily")
        assert "PingFang" not in await style(page, "#languages [lang=en]", "fontFamily")
    finally:
        await context.close()


async def test_a_colour_is_written_once():
    css = (folder("static") / "app.css").read_text()
    tokens, rest = css.split("@layer base {", 1)
    assert re.findall(r"#[0-9a-f]{3,8}\b(?=[\s;,)])|rgba?\(|hsla?\(", rest) == []
    assert re.findall(r"style=", "".join(path.read_text() for path in folder("templates").rglob("*.html"))) == []
    assert len(set(names := re.findall(r"^    --([a-z0-9-]+):", tokens, re.MULTILINE))) == len(names)


HEIGHTS = "[...document.querySelectorAll('#requests tbody tr')].map((row) => row.getBoundingClientRect().height)"


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_overview_fits_the_window_while_it_runs(site, language):
    await site.api.door.start()
    async with site.api.client() as client, far_end(answers(200, json.dumps(MODEL).encode())) as provider:
        added = await site.api.gateway.providers.add("anthropic", "openai_chat", f"{provider.url}/v1", None)
        await site.api.gateway.check(added)
        for _ in range(8):
            await client.post("/v1/chat/completions", json=CALL)
    page = await site.open()
    await speak(page, language)
    await expect(page.locator("#requests tbody tr")).to_have_count(8)
    await expect(page.locator("#connect pre")).to_contain_text("anthropic:claude-sonnet-4-5")
    assert await page.evaluate("document.documentElement.scrollHeight") == 900
    assert await page.evaluate(CUT) == []
    await page.locator("#connect-python").click()
    await expect(page.locator("#connect pre")).to_contain_text("OpenAI")
    assert max(await page.evaluate(HEIGHTS)) < 40


async def test_a_page_fits_its_width_in_every_room(site):
    page = await site.open()
    site.show(TAKEN)
    for width in (1360, 1024, 761, 760, 390, 320):
        await page.set_viewport_size({"width": width, "height": 844})
        for path in ROOMS:
            await page.goto(site.dashboard.url + path)
            assert await page.evaluate("document.documentElement.scrollWidth") <= width, (path, width)
