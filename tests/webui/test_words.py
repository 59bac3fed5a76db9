"""Every sentence is said in the reader's language, and every language counts in its own way."""

import gettext
import re
from datetime import datetime

import pytest

from api.errors import Holder, PortRefused, PortTaken
from api.health import Half, Record
from api.listener import Failed, Running, Starting, Stopped, Stopping
from webui.card import Card
from webui.locale import SPOKEN, Locale, locale
from webui.render import environment, render
from webui.view import Told, Wrong

NOW = datetime.now().timestamp()
QUIET = Record((Half(),) * 48, 0, 0, None, None, None)  # of whom nobody asked anything
KEY = "cs-sk-00000000-0000-4000-8000-000000009b1e"


class Marked(gettext.NullTranslations):
    """A language in which every sentence stands in brackets."""

    SIGNS = ("d h min s", "ms s", "3 k 6 M 9 B")

    def gettext(self, message: str) -> str:
        return re.sub(r"[^\W\d_]+", r"⟦\g<0>⟧", message) if message in self.SIGNS else f"⟦{message}⟧"

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return f"⟦{msgid1 if n == 1 else msgid2}⟧"


MARKED = Locale("x-marked", Marked())
# Names, addresses and what another program says are the same in every language; a language is called by its own.
THE_SAME = re.compile(
    "|".join(SPOKEN.values())
    + r"|Morello|PID|EADDRINUSE: address already in use 127\.0\.0\.1:\d+|lsof -i :\d+|Cherry Studio|kahei|http://[\d.:]+|"
    r"cs-sk-[0-9a-f•-]+|morello login-url|Told by the system\."
)
NOTHING = Told()
HOLDER = Holder("Cherry Studio", 8127, "kahei", NOW)
STATES = [
    Stopped(NOW),
    Stopped(1.0, by_owner=True),
    Starting(23333),
    Running(23333, NOW - 16_640),
    Stopping(23333, 0),
    Stopping(23333, NOW + 12),
    Failed(23333, PortTaken(23333, HOLDER, 23334), NOW),
    Failed(23333, PortTaken(23333), 1.0),
    Failed(23333, PortTaken(23333, Holder(is_morello=True, since=1.0, dashboard="http://127.0.0.1:1")), NOW),
    Failed(23333, PortRefused("Told by the system."), NOW),
]


# The shell and the server's card; what else stands on the overview is tested where it is drawn.
PAGE = """{% extends "layout.html" %}{% block title %}{{ _("Overview") }}{% endblock %}
{% block page %}{% include "parts/server.html" %}{% endblock %}"""


def overview(reader: Locale, state, told: Told = NOTHING) -> str:
    card = Card(state, 23333, "http://127.0.0.1:23333", "cs-sk-••••9b1e", "9b1e", "0123abcd")
    page = environment(reader).from_string(PAGE)
    return page.render(here="overview", server=card, told=told, csrf="c0ffee", now=NOW)


def unsaid(page: str) -> list[str]:
    """What stands on a page, to be seen or to be heard, without having gone through the catalogue."""
    body = page[page.index("<body") :]
    heard = re.findall(r'(?:aria-label|title|placeholder|alt)="([^"]*)"', body)
    seen = re.sub(r"<[^>]*>", " ", body)
    return [word for text in [seen, *heard] for word in re.findall(r"[^\W\d_]+", THE_SAME.sub("", outside(text)))]


def outside(text: str) -> str:
    """What is not in brackets."""
    less = re.sub("⟦[^⟦⟧]*⟧", "", text)
    return less if less == text else outside(less)


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.name)
def test_every_sentence_of_the_overview_is_translated(state):
    assert unsaid(overview(MARKED, state)) == []


def test_every_sentence_of_the_other_pages_is_translated():
    assert unsaid(render(MARKED, "message.html", said="⟦Said.⟧")) == []
    assert unsaid(render(MARKED, "entering.html")) == []
    assert (
        unsaid(overview(MARKED, STATES[0], Told(toast="⟦Said.⟧", wrong=Wrong("port", "9", "⟦Said.⟧"), key=KEY))) == []
    )


def test_numbers_and_dates_are_written_by_the_catalogue_too():
    written = environment(MARKED).from_string(
        "{{ 1840000|compact }} {{ 412|milliseconds }} {{ 9|seconds }} {{ 1|clock }}"
    )
    assert unsaid(f"<body>{written.render()}") == []


def test_a_page_names_its_language():
    assert '<html lang="x-marked">' in overview(MARKED, STATES[0])
    assert '<html lang="en">' in overview(locale("en"), STATES[0])


def test_time_signs_go_through_the_catalogue():
    assert 'data-units="⟦d⟧ ⟦h⟧ ⟦min⟧ ⟦s⟧"' in overview(MARKED, STATES[0])


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-5, "0 s"),
        (0, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (3600, "1 h 0 min"),
        (16_640, "4 h 37 min"),
        (86_400, "1 d 0 h"),
        (273_600, "3 d 4 h"),
    ],
)
def test_a_span_of_time_is_told_in_its_two_largest_units(seconds, shown):
    assert locale("en").duration(seconds) == shown


def test_one_and_many_are_told_apart():
    english = locale("en")
    assert english.ngettext("%(number)d stream", "%(number)d streams", 1) == "1 stream"
    assert english.ngettext("%(number)d stream", "%(number)d streams", 2) == "2 streams"
