"""Server-sent events, read in any portions and written."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.dialects import sse
from api.dialects.sse import BYTE_ORDER_MARK, Frame, Reader

LINES = [
    *(b"data: a", b"data:b", b"data", b"data: ", b"data:  c", b"data: {}", b"data: [DONE]"),
    *(b"event: e", b"event:f", b"event", b": comment", b":", b"id: 1", b"retry: 1", b"other", b"", b"", b""),
    "data: \u2028\u2029\x85\x0b\x0c".encode(),
    b"data: \xff\xfe",
    BYTE_ORDER_MARK,
]
ENDS = [b"\n", b"\n", b"\r\n", b"\r\n", b"\r"]

streams = st.lists(st.tuples(st.sampled_from(LINES), st.sampled_from(ENDS)), max_size=14).map(
    lambda lines: b"".join(line + end for line, end in lines) + b":\n"  # no half CR LF at the very end
)
marks = st.sampled_from([b"", b"", BYTE_ORDER_MARK])


def read(*blocks):
    reader = Reader()
    return [frame for block in blocks for frame in reader.feed(block)]


def portions(stream, cuts):
    ends = sorted(cut % (len(stream) + 1) for cut in cuts)
    return [stream[a:b] for a, b in zip([0, *ends], [*ends, len(stream)], strict=True)]


def as_the_standard_says(stream):
    """WHATWG HTML 9.2.6, line by line, without a thought for speed."""
    frames, event, data = [], b"", None
    for line in re.split(rb"\r\n|\n|\r", stream.removeprefix(BYTE_ORDER_MARK))[:-1]:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if not line:
            if data is not None:
                frames.append(Frame(event, data))
            event, data = b"", None
        elif name == b"data":
            data = value if data is None else data + b"\n" + value
        elif name == b"event":
            event = value
    return frames


@given(marks, streams)
def test_frames_are_read_as_the_standard_says(mark, stream):
    assert read(mark + stream) == as_the_standard_says(mark + stream)


@given(marks, streams, st.lists(st.integers(0, 400), max_size=8))
def test_any_portions_give_the_same_frames(mark, stream, cuts):
    stream = mark + stream
    assert read(*portions(stream, cuts)) == read(stream)


@given(marks, streams)
def test_one_byte_at_a_time_gives_the_same_frames(mark, stream):
    stream = mark + stream
    assert read(*(stream[n : n + 1] for n in range(len(stream)))) == read(stream)


@given(marks, streams, st.integers(1, 400))
def test_between_frames_something_may_be_put_in(mark, stream, cut):
    stream = mark + stream
    first, rest = stream[:cut], stream[cut:]
    reader = Reader()
    frames = reader.feed(first)
    if not reader.between_frames:
        return
    assert frames + reader.feed(sse.comment(b"still here") + rest) == read(stream)


@given(st.lists(st.sampled_from([sse.frame(b"{}"), sse.frame(b"{}", b"e"), sse.comment(b"c")]), min_size=1))
def test_after_whole_frames_we_are_between_frames(frames):
    reader = Reader()
    for frame in frames:
        reader.feed(frame)
        assert reader.between_frames


@pytest.mark.parametrize("begun", [b"d", b"data: x", b"data: x\n", b": comment\n", b"event: e\r\n", b"data: x\r"])
def test_within_a_frame_we_are_not_between_frames(begun):
    reader = Reader()
    reader.feed(sse.frame(b"{}") + begun)
    assert not reader.between_frames


json_lines = st.text(st.characters(codec="utf-8", exclude_characters="\n\r")).map(str.encode)
event_names = st.sampled_from([b"", b"ping", b"message_start", b"e"])


@given(json_lines, event_names)
def test_a_written_frame_is_read_back(data, event):
    assert read(sse.frame(data, event)) == [Frame(event, data)]


def test_a_comment_is_no_frame():
    assert read(sse.comment(b"still here")) == []


def test_an_event_without_data_is_no_frame_and_leaves_nothing_behind():
    assert read(b"event: ping\n\ndata: x\n\n") == [Frame(b"", b"x")]


def test_lines_of_data_are_joined():
    assert read(b"data: a\ndata: b\ndata:\n\n") == [Frame(b"", b"a\nb\n")]


def test_unicode_line_ends_are_text():
    text = "a\u2028b\u2029c\x85d".encode()
    assert read(b"data: " + text + b"\n\n") == [Frame(b"", text)]


@pytest.mark.parametrize("parts", [(BYTE_ORDER_MARK,), (b"\xef", b"\xbb\xbf"), (b"\xef\xbb", b"", b"\xbf")])
def test_a_byte_order_mark_is_skipped_in_any_portions(parts):
    assert read(*parts, b"data: x\n\n") == [Frame(b"", b"x")]


def test_a_frame_without_its_blank_line_is_not_given_out():
    assert read(b"data: x\n") == []


def test_a_large_frame_in_small_portions_is_read_in_time_that_grows_with_its_length():
    block = b"x" * 4096
    reader = Reader()
    began = time.perf_counter()
    reader.feed(b"data: ")
    for _ in range(2048):
        assert reader.feed(block) == []
    (frame,) = reader.feed(b"\n\n")
    assert len(frame.data) == 2048 * 4096
    assert time.perf_counter() - began < 2
