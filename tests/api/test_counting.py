"""The estimate of a request's tokens: tools, pictures and other scripts counted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.conversation import (
    ChatRequest,
    File,
    Image,
    Inline,
    Link,
    Message,
    Role,
    Text,
    Tool,
    ToolCall,
    ToolResult,
)
from api.dialects import counting


def request(*parts, tools=()):
    return ChatRequest("m", (Message(Role.USER, parts),), tools)


def test_four_letters_of_english_are_about_a_token():
    assert counting.letters("four") == 1
    assert counting.letters("four or so letters.") == 5


@pytest.mark.parametrize("text", ["你好世界", "こんにち", "안녕하세"])
def test_every_letter_of_an_east_asian_script_is_a_token(text):
    assert counting.letters(text) == 4


def test_nothing_at_all_is_one_token():
    assert counting.estimate(ChatRequest("m", ())) == 1


def test_tools_are_counted_with_their_schemas():
    tool = Tool("search", {"type": "object", "properties": {"query": {"type": "string"}}}, "Searches the web")
    assert counting.estimate(request(Text("hi"), tools=(tool,))) > counting.estimate(request(Text("hi"))) + 15


def test_calls_and_results_are_counted():
    call, result = ToolCall("1", "f", '{"a":"' + "x" * 400 + '"}'), ToolResult("1", (Text("y" * 400),))
    assert counting.estimate(request(call, result)) > 200


def test_a_picture_counts_the_same_wherever_it_lies():
    near, far = Image(Inline("image/png", "A" * 9000)), Image(Link("https://example.com/x.png"))
    assert counting.estimate(request(near)) == counting.estimate(request(far)) > counting.IMAGE


def test_a_document_counts_by_its_size():
    small, large = (File(Inline("application/pdf", "A" * size)) for size in (50_000, 500_000))
    assert counting.estimate(request(large)) > 5 * counting.estimate(request(small))


@given(st.text(), st.text())
def test_more_text_is_never_fewer_tokens(text, more):
    assert counting.letters(text + more) >= counting.letters(text)
