"""Forms with files: as clients write them, as clients should not, cut anywhere, and on their way through the API."""

import asyncio
import hashlib
import json
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api import uploads
from api.errors import GatewayError, InvalidRequest, TooLarge, UnsupportedMedia
from api.uploads import Upload
from tests.conftest import Api
from tests.fakes import FarEnd, answers, far_end
from tests.raw import ask_raw
from tests.uploading import receive

TEXT = b'{"text":"Hello"}'
KIND = "multipart/form-data; boundary=b"
MODEL = b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nfar:whisper\r\n'
FILE = (
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\nContent-Type: audio/wav\r\n\r\nRIFF\r\n'
)
END = b"--b--\r\n"
Reader = Callable[[], Awaitable[bytes | None]]


def reader(*blocks: bytes) -> Reader:
    """How the bytes of a body are had, block by block."""
    coming = iter([block for block in blocks if block])

    async def read() -> bytes | None:
        return next(coming, None)

    return read


def cut(body: bytes, size: int) -> list[bytes]:
    return [body[at : at + size] for at in range(0, len(body), size)]


async def arrived(body: bytes, media_type: str = KIND, size: int = 1 << 16, folder: str = "/tmp") -> Upload:
    return await receive(reader(*cut(body, size)), media_type, Path(folder))


async def sent(upload: Upload, model: str = "m") -> bytes:
    """The form as the provider gets it."""
    body = upload.renamed(model)
    whole = b"".join([piece async for piece in body])
    assert len(whole) == body.size
    return whole


async def told(body: bytes, size: int, media_type: str = KIND) -> list[tuple[str, str | None, str, bytes]] | str:
    """What was found in a form, or what is wrong with it."""
    try:
        upload = await arrived(body, media_type, size)
    except GatewayError as error:
        return str(error)
    found = [(part.name, part.filename, part.media_type, await upload.read(part, part.size)) for part in upload.parts]
    upload.close()
    return found


def part(head: str, content: bytes = b"x", boundary: str = "b") -> bytes:
    return f"--{boundary}\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode() + content + b"\r\n"


# Forms as they come


async def test_a_form_goes_out_as_it_came_but_for_the_model():
    lists = part('name="include[]"', b"logprobs") + part('name="include[]"', b"") + part('name="prompt"', b"Gr\xc3\xbc")
    upload = await arrived(lists + FILE + MODEL + END)
    out = await sent(upload, "whisper-1")
    boundary = upload.media_type.rpartition("=")[2].encode()
    # Headers' names are ours, their values the caller's.
    back = out.replace(boundary, b"b").replace(b"content-disposition", b"Content-Disposition")
    upload.close()
    assert (
        back.replace(b"content-type", b"Content-Type")
        == lists + FILE + MODEL.replace(b"far:whisper", b"whisper-1") + END
    )


async def test_a_model_may_stand_behind_the_file():
    upload = await arrived(FILE + MODEL + END)
    assert upload.model == "far:whisper"
    upload.close()


@pytest.mark.parametrize(
    ("head", "filename"),
    [
        ('name="file"; filename="a \\"b\\".wav"', 'a "b".wav'),
        ('name="file"; filename="a;b.wav"', "a;b.wav"),
        ('name="file"; filename="für “Élise”.wav"', "für “Élise”.wav"),
        ("name=file; filename=a.wav", "a.wav"),
        ('name="file"; filename=""', ""),
        ("name=\"file\"; filename*=UTF-8''f%C3%BCr.wav", "für.wav"),
        ("name=\"file\"; filename*=utf-8'en'a%20b.wav; x=y", "a b.wav"),
        ('name="file"; filename="a.wav"; filename*=UTF-8\'\'b.wav', "a.wav"),
        ('name="a; filename*=b"', None),
        ('name="file"', None),
    ],
)
async def test_a_file_is_known_by_its_name_however_that_is_written(head: str, filename: str | None):
    upload = await arrived(part(head) + END)
    out = await sent(upload)
    upload.close()
    assert [found.filename for found in upload.parts] == [filename]
    assert f"content-disposition: form-data; {head}\r\n".encode() in out


async def test_a_file_may_be_empty():
    upload = await arrived(part('name="file"; filename="a"', b"") + END)
    assert [(found.filename, found.size) for found in upload.parts] == [("a", 0)]
    upload.close()


async def test_what_stands_before_and_behind_the_form_says_nothing():
    upload = await arrived(b"This is a form.\r\n--x\r\n" + FILE + END + b"\r\nThat was a form. --b\r\n" * 3)
    assert [found.name for found in upload.parts] == ["file"]
    upload.close()


@pytest.mark.parametrize("boundary", ["x" * 70, "'()+_,-./:=?", "a b"])
async def test_a_boundary_may_be_any_that_the_standard_has(boundary: str):
    body = part('name="file"; filename="a"', b"1", boundary) + f"--{boundary}--".encode()
    upload = await arrived(body, f'multipart/form-data; charset=x; boundary="{boundary}"')
    assert [found.name for found in upload.parts] == ["file"]
    upload.close()


async def test_a_field_of_another_charset_passes_and_is_not_read():
    latin = part('name="prompt"', b"Gr\xfc\xdfe") + END
    upload = await arrived(latin)
    assert b"\r\n\r\nGr\xfc\xdfe\r\n" in await sent(upload)
    with pytest.raises(InvalidRequest, match="“prompt” is not UTF-8"):
        upload.value("prompt")
    upload.close()


async def test_a_field_may_be_long_and_is_not_read():
    upload = await arrived(part('name="known_speaker_references[]"', b"A" * 400_000) + END)
    assert b"A" * 400_000 in await sent(upload)
    with pytest.raises(TooLarge, match="longer than 256 KiB"):
        upload.value("known_speaker_references[]")
    upload.close()


# Forms that are none


@pytest.mark.parametrize(
    ("body", "kind", "error", "sentence"),
    [
        (FILE + END, "application/json", UnsupportedMedia, "The body is sent as “application/json”"),
        (FILE + END, "", UnsupportedMedia, "Send a form with files"),
        (FILE + END, "multipart/mixed; boundary=b", UnsupportedMedia, "multipart/mixed"),
        (FILE + END, "multipart/form-data", InvalidRequest, "no boundary"),
        (FILE + END, "multipart/form-data; boundary=", InvalidRequest, "no boundary"),
        (FILE + END, "multipart/form-data; boundary=" + "b" * 300, InvalidRequest, "boundary is too long"),
        (b"", KIND, InvalidRequest, "ends before its last boundary"),
        (FILE, KIND, InvalidRequest, "ends before its last boundary"),
        (FILE[:-10], KIND, InvalidRequest, "ends before its last boundary"),
        (b"x" * 20_000, KIND, InvalidRequest, "does not begin with its boundary"),
        (b"--b\r\n\r\nx\r\n" + END, KIND, InvalidRequest, "has no name"),
        (b'--b\r\nContent-Disposition: form-data; filename="a"\r\n\r\nx\r\n' + END, KIND, InvalidRequest, "no name"),
        (b"--b\r\nbad header\r\n\r\nx\r\n" + END, KIND, InvalidRequest, "not well-formed"),
        (b"--b\r\n" + b"a: b\r\n" * 20 + b"\r\nx\r\n" + END, KIND, InvalidRequest, "not well-formed"),
        (b"--b\r\na: " + b"b" * 10_000 + b"\r\n\r\nx\r\n" + END, KIND, InvalidRequest, "not well-formed"),
        (b"--bad\r\n\r\nx\r\n" + END, KIND, InvalidRequest, "not well-formed"),
        (MODEL + FILE + MODEL + END, KIND, InvalidRequest, "“model” was sent twice"),
        (part('name="model"; filename="a"') + END, KIND, InvalidRequest, "“model” was sent as a file"),
        (part('name="model"', b"m" * 600) + END, KIND, InvalidRequest, "longer than 512"),
        (part('name="model"', b"\xff") + END, KIND, InvalidRequest, "“model” is not UTF-8"),
        (part('name="x"') * 300 + END, KIND, InvalidRequest, "more than 256 parts"),
        (part('name="x"\nX: name="model"') + END, KIND, InvalidRequest, "control character"),
        (part('name="x"; filename="a\0.wav"') + END, KIND, InvalidRequest, "control character"),
        (part('name="x"\r\nContent-Type: a/b\nX: y') + END, KIND, InvalidRequest, "control character"),
        (part('name="model"; name="x"') + END, KIND, InvalidRequest, "more than one name"),
        (part("name=\"x\"; NAME*=UTF-8''model") + END, KIND, InvalidRequest, "more than one name"),
        (part('name="x"; name*0="mod"; name*1="el"') + END, KIND, InvalidRequest, "more than one name"),
        (FILE + END, "multipart/form-data; boundary=\udcff", InvalidRequest, "ends before its last boundary"),
    ],
)
async def test_what_is_no_form_is_refused_in_words(body: bytes, kind: str, error: type[GatewayError], sentence: str):
    with pytest.raises(error, match=sentence):
        await arrived(body, kind)


async def test_a_form_that_is_too_large_is_refused_as_soon_as_that_is_known(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(uploads, "LARGEST", 1000)
    asked = 0

    async def endless() -> bytes:
        nonlocal asked
        asked += 1
        return FILE * 5

    with pytest.raises(TooLarge, match="larger than"):
        await receive(endless, KIND, Path("/tmp"))
    assert asked == 2
    with pytest.raises(TooLarge):
        await Upload(endless, KIND, Path("/tmp"), announced=1001).arrive()
    assert asked == 2


async def test_a_disk_without_room_is_told_in_words(tmp_path: Path):
    with pytest.raises(GatewayError, match="could not be kept on the disk"):
        await receive(reader(FILE, END), KIND, tmp_path / "nowhere")


# A law: how the bytes are cut changes nothing

CONTENTS = st.lists(
    st.one_of(
        st.sampled_from([b"\r", b"\n", b"\r\n", b"-", b"--", b"--b", b"\r\n--", b"\r\n-b", b"b"]), st.binary(max_size=4)
    ),
    max_size=8,
).map(b"".join)
FORMS = st.builds(
    lambda before, contents, end: (
        before
        + b"".join(part(f'name="f{number}"; filename="a"', content) for number, content in enumerate(contents))
        + end
    ),
    st.sampled_from([b"", b"\r\n", b"hello\r\n", b"-", b"--\r\n"]),
    st.lists(CONTENTS, max_size=3),
    st.sampled_from([b"--b--\r\n", b"--b--", b"--b--\r\nmore\r\n--b\r\n", b"--b-", b""]),
)


@given(FORMS, st.integers(1, 9))
def test_how_a_form_is_cut_changes_nothing(body: bytes, size: int):
    whole = asyncio.run(told(body, len(body) or 1))
    assert asyncio.run(told(body, size)) == whole


@given(st.lists(st.binary(max_size=60), max_size=4), st.integers(1, 40))
def test_what_parts_hold_goes_out_byte_for_byte_in_its_order(contents: list[bytes], size: int):
    async def through() -> list[bytes]:
        boundary = "b" * 40
        body = b"".join(part('name="f"; filename="a"', content, boundary) for content in contents)
        upload = await arrived(body + f"--{boundary}--".encode(), f"multipart/form-data; boundary={boundary}", size)
        out, border = await sent(upload), upload.media_type.rpartition("=")[2].encode()
        upload.close()
        return [piece.partition(b"\r\n\r\n")[2][:-2] for piece in out.split(b"--" + border)[1:-1]]

    assert asyncio.run(through()) == contents


# Through the API


@asynccontextmanager
async def provided(api: Api, behaviour: Any = None) -> AsyncIterator[FarEnd]:
    async with far_end(behaviour or answers(200, TEXT)) as far:
        await api.gateway.providers.add("far", "openai_chat", far.url + "/v1", "sk-far-0123456789")
        yield far


def head(api: Api, *lines: str, key: str | None = None, kind: str = KIND) -> bytes:
    said = ["POST /v1/audio/transcriptions HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {key or api.key}"]
    return "\r\n".join([*said, f"Content-Type: {kind}", *lines, "\r\n"]).encode(errors="surrogateescape")


def length(body: bytes) -> str:
    return f"Content-Length: {len(body)}"


def open_files() -> int:
    """How many files without a name this process holds."""
    names = [os.readlink(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd") if _is_there(name)]
    return sum(name.endswith("(deleted)") and "/home/" in name for name in names)


def _is_there(name: str) -> bool:
    return os.path.exists(f"/proc/self/fd/{name}") or os.path.islink(f"/proc/self/fd/{name}")


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


async def test_a_chunked_form_arrives_however_it_is_chunked(api: Api):
    body = FILE + MODEL + END
    async with provided(api) as far:
        for size in (1, 7, 1000):
            chunks = b"".join(b"%x\r\n%b\r\n" % (len(block), block) for block in cut(body, size))
            reply = await ask_raw(api, head(api, "Transfer-Encoding: chunked") + chunks + b"0\r\n\r\n")
            assert (reply.status, reply.body) == (200, TEXT)
        assert len({re.sub(rb"morello-\w+", b"", received.body) for received in far.received}) == 1
    assert [(row.status, row.bytes_in) for row in await api.rows()] == [(200, len(body))] * 3


async def test_the_form_goes_out_with_its_length(api: Api):
    body = MODEL + FILE + END
    async with provided(api) as far:
        await ask_raw(api, head(api, length(body)) + body)
    assert "transfer-encoding" not in far.last.headers
    assert int(far.last.headers["content-length"]) == len(far.last.body)


async def test_bytes_that_are_no_text_are_refused_in_words_wherever_a_header_is_quoted(api: Api):
    asks = head(api, length(MODEL)).replace(KIND.encode(), b"text/\xff")
    form = await ask_raw(api, asks + MODEL)
    chat = await ask_raw(api, asks.replace(b"audio/transcriptions", b"chat/completions") + MODEL)
    files = await ask_raw(
        api, head(api, "X-Morello-Provider: \udcff").replace(b"POST /v1/audio/transcriptions", b"GET /v1/files")
    )
    assert [form.status, chat.status, files.status] == [415, 415, 400]
    for reply in (form, chat, files):
        assert "?”" in json.loads(reply.body)["error"]["message"]


async def test_a_boundary_is_found_byte_by_byte(api: Api):
    body = (MODEL + FILE + END).replace(b"--b", b"--\xff")
    async with provided(api):
        asks = head(api, length(body)).replace(b"boundary=b", b"boundary=\xff")
        assert (await ask_raw(api, asks + body)).status == 200


async def test_who_asks_first_is_told_to_go_on(api: Api):
    body = MODEL + FILE + END
    async with provided(api):
        reader, writer = await asyncio.open_connection("127.0.0.1", api.listener.port)
        writer.write(head(api, length(body), "Expect: 100-continue"))
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(body)
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        writer.close()


async def test_who_asks_first_with_a_wrong_key_is_refused_at_once(api: Api):
    for size in ("100", "100000000"):
        asks = head(api, f"Content-Length: {size}", "Expect: 100-continue", key="cs-sk-wrong")
        reply = await ask_raw(api, asks)
        assert (reply.status, reply.headers["connection"]) == (401, "close")


async def test_a_wrong_key_is_refused_before_the_body_and_heard_in_the_middle_of_it(api: Api):
    body = FILE[:-2] + b"x" * 5_000_000 + b"\r\n" + END
    async with provided(api) as far:
        reply = await ask_raw(api, head(api, length(body), key="cs-sk-wrong") + body)
    assert (reply.status, far.received) == (401, [])


@pytest.mark.parametrize("announced", [True, False])
async def test_a_form_that_is_too_large_is_refused_and_the_refusal_heard(api: Api, announced: bool):
    await api.gateway.limits.change("", "", {"upload": 1})
    body = FILE[:-2] + b"x" * 3_000_000 + b"\r\n" + END
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(block), block) for block in cut(body, 50_000)) + b"0\r\n\r\n"
    async with provided(api) as far:
        if announced:
            reply = await ask_raw(api, head(api, length(body)) + body)
        else:
            reply = await ask_raw(api, head(api, "Transfer-Encoding: chunked") + chunks)
    assert (reply.status, far.received) == (413, [])
    assert "larger than" in json.loads(reply.body)["error"]["message"]
    assert [(row.status, row.error) for row in await api.rows()] == [(413, "request_too_large")]


async def test_a_form_larger_than_other_bodies_may_be_is_refused_near_its_end_and_heard(api: Api):
    body = FILE[:-2] + b"x" * 34_000_000 + b"\r\n--b\r\nbad header\r\n\r\n" + b"x" * 20_000
    reply = await ask_raw(api, head(api, length(body)) + body)
    assert (reply.status, reply.headers["connection"]) == (400, "close")


async def test_a_refused_form_leaves_its_connection_usable(api: Api):
    bad, good = b"--b\r\nbad header\r\n\r\nx\r\n" + END, MODEL + FILE + END
    async with provided(api):
        reader, writer = await asyncio.open_connection("127.0.0.1", api.listener.port)
        for body, status in ((bad, b"400"), (good, b"200")):
            writer.write(head(api, length(body)) + body)
            answer = await reader.readuntil(b"\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 " + status)
            await reader.readexactly(int(answer.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]))
        writer.close()


async def test_a_caller_who_hangs_up_in_the_middle_leaves_a_row_and_nothing_else(api: Api):
    async with provided(api) as far:
        _, writer = await asyncio.open_connection("127.0.0.1", api.listener.port)
        writer.write(head(api, "Content-Length: 5000000") + MODEL + FILE[:-2] + b"x" * 1_000_000)
        await until(lambda: open_files() == 1)
        assert len(api.listener.calls) == 1
        writer.close()
        await until(lambda: not len(api.listener.calls))
        await until(lambda: open_files() == 0)
    assert far.received == []
    [row] = await api.rows()
    assert (row.status, row.error, row.provider) == (499, "caller_gone", None)


async def test_a_stop_in_the_middle_of_a_form_is_told(api: Api):
    async with provided(api) as far:
        reader, writer = await asyncio.open_connection("127.0.0.1", api.listener.port)
        writer.write(head(api, "Content-Length: 5000000") + MODEL + FILE[:-2] + b"x" * 1_000_000)
        await until(lambda: open_files() == 1)
        await api.listener.close()
        assert (await reader.read()).startswith(b"HTTP/1.1 503 ")
        writer.close()
        assert open_files() == 0
    assert far.received == []
    assert [(row.status, row.error) for row in await api.rows()] == [(503, "server_stopped")]


async def test_a_provider_that_refuses_before_it_has_read_is_heard(api: Api):
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        words = b'{"error":{"message":"Audio is too long.","type":"invalid_request_error"}}'
        writer.write(
            b"HTTP/1.1 413 Too Large\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(words)
        )
        writer.write(words)
        await reader.read(1)  # nothing more of the body: the connection must end for our sake
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    await api.gateway.providers.add("far", "openai_chat", url, "sk-far-0123456789")
    body = MODEL + FILE[:-2] + b"x" * 20_000_000 + b"\r\n" + END
    reply = await ask_raw(api, head(api, length(body)) + body)
    server.close()
    assert reply.status == 413
    assert "Audio is too long" in json.loads(reply.body)["error"]["message"]


async def test_curls_way_of_sending_files(api: Api, tmp_path: Path):
    content = os.urandom(3_000_000)
    (tmp_path / "ü “a”.wav").write_bytes(content)
    url = api.url + "/v1/audio/transcriptions"
    async with provided(api) as far:
        for more in ([], ["-H", "Transfer-Encoding: chunked"], ["-H", "Expect: 100-continue"]):
            command = ["curl", "-sS", "-H", f"Authorization: Bearer {api.key}", "-F", "model=far:m", *more]
            curl = await asyncio.create_subprocess_exec(
                *command, "-F", f"file=@{tmp_path}/ü “a”.wav;type=audio/wav", url, stdout=asyncio.subprocess.PIPE
            )
            out, _ = await curl.communicate()
            assert out == TEXT
            parts = message_from_bytes(
                f"content-type: {far.last.headers['content-type']}\r\n\r\n".encode() + far.last.body
            ).get_payload()
            assert [hashlib.sha256(part.get_payload(decode=True)).digest() for part in parts] == [  # type: ignore[union-attr, arg-type]
                hashlib.sha256(b"m").digest(),
                hashlib.sha256(content).digest(),
            ]
        raw = await asyncio.create_subprocess_exec(
            "curl", "-sS", "-X", "POST", "-H", f"Authorization: Bearer {api.key}", "-T", f"{tmp_path}/ü “a”.wav",
            url, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, _ = await raw.communicate()
    assert json.loads(out)["error"]["code"] == "unsupported_media_type"
