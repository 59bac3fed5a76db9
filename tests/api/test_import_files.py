"""Files that are broken, hostile or none of ours: one sentence, in no time, with no secret in it."""

import json
import os
import struct

import pytest

from api.importing import ImportRefused, archive, from_environment, read, wants
from api.importing.archive import LARGEST
from api.importing.leveldb import unsnapped
from tests.importable import SILICON, backup, dump, zipped

SECRET = "sk-made-up-in-a-broken-file"


def lying(content: bytes, size: int) -> bytes:
    """A zip whose directory says another size of what it unpacks to."""
    whole = bytearray(zipped({"data.json": content}))
    at = whole.index(b"PK\x01\x02")
    whole[at + 24 : at + 28] = struct.pack("<I", size)
    return bytes(whole)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"hello", "none that can be imported"),
        (b"key: value\n", "none that can be imported"),
        (b'{"a": 1}', "none that can be imported"),
        (b"[1, 2]", "does not hold what it should"),
        (b'{"localStorage": {', "not JSON"),
        (b"PK\x03\x04 no zip", "damaged or was cut short"),
        (backup(SILICON)[:-30], "damaged or was cut short"),
        (zipped({"other.txt": b""}), "no data.json"),
        (zipped({"data.json": b""}), "data.json is not JSON"),
        (zipped({"data.json": b"[]"}), "data.json does not hold"),
        (zipped({"data.json": b"\xff\xfe"}), "data.json is not JSON"),
        (zipped({"data.json": b'{"localStorage": {}}'}), "persist:cherry-studio"),
        (zipped({"data.json": dump(SILICON, llm="{")}), "llm is not JSON"),
        (zipped({"data.json": dump(SILICON, llm='{"providers": 7}')}), "llm does not hold"),
        (zipped({"data.json": b"[" * 5_000}), "nested too deeply|not hold"),
        (b'{"localStorage": ' + b"[" * 200_000, "nested too deeply|not JSON|not hold"),
        (lying(bytes(3_000_000), 1000), "damaged|unpacks to more"),
        (b"model_list:\n\t- model_name: x\n", "Line 2 is indented with a tab"),
        (b"model_list: [1, 2\nx: y", "Line 2 is not YAML|Line 3 is not YAML"),
        (b"model_list: 7", "no list"),
        (b"- " * 5000, "nested too deeply"),
        (b"model_list: &a [&b [1], *b]\nx: &c [*a]", "repeats itself"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"model_list: !!python/object/apply:os.system [ls]", "not YAML|none that"),
        (b'{"morello_export": 0}', "does not hold"),
        (b'{"morello_export": 99}', "newer Morello"),
        (b'{"morello_export": 1, "providers": 7}', "does not hold"),
        (
            b'{"morello_export": 1, "secrets": {"lock": {"salt": "AAAA", "kibibytes": 9}, "content": ""}}',
            "does not hold",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_broken_file_is_refused_in_one_sentence(content, words):
    with pytest.raises(ImportRefused, match=words) as refused:
        read(content, {}, "a passphrase")
    assert len(refused.value.message) < 250


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: zipped({"data.json": bytes(100_000_000)}), "unpacks to more than it may"),
        (lambda: zipped({str(number): b"" for number in range(20_001)}), "more than 20000 files"),
        (lambda: b"#" * (2 * 1024**2 + 1), "larger than 2 MiB"),
        (lambda: bytes(LARGEST + 1), "larger than 64 MiB"),
    ],
    ids=["bomb", "many", "yaml", "file"],
)
def test_a_file_that_is_too_much_is_refused_before_it_is_unpacked(make, words):
    with pytest.raises(ImportRefused, match=words):
        read(make(), {})


@pytest.mark.parametrize(
    "content",
    [
        f"model_list:\n\tapi_key: {SECRET}\n".encode(),
        f"model_list: {{api_key: {SECRET}".encode(),
        f'{{"morello_export": 1, "providers": "{SECRET}"}}'.encode(),
        zipped({"data.json": dump(SILICON, llm=f'{{"providers": "{SECRET}"}}')}),
        zipped({"data.json": f'{{"localStorage": "{SECRET}"}}'.encode()}),
    ],
)
def test_a_refusal_says_nothing_of_what_stands_in_the_file(content):
    with pytest.raises(ImportRefused) as refused:
        read(content, {})
    assert SECRET not in refused.value.message


def test_a_repr_of_an_import_has_no_key_in_it():
    assert "sk-made-up" not in repr(read(backup(SILICON), {}))


@pytest.mark.parametrize(
    ("packed", "plain"),
    [
        (b"\x05\x10hello", b"hello"),
        (b"\x08\x04ab\x16\x02\x00", b"abababab"),
        (b"\x06\x00a\x05\x01", b"aaaaaa"),
        (b"\x06\x00a\x05\x02", None),
        (b"\x09\x00a", None),
    ],
)
def test_snappy_is_unpacked_or_refused(packed, plain):
    if plain is None:
        with pytest.raises((ValueError, IndexError)):
            unsnapped(packed)
    else:
        assert unsnapped(packed) == plain


def test_only_a_sealed_export_wants_a_passphrase():
    sealed = {"lock": {"salt": "AAAAAAAAAAAAAAAA"}, "content": "AAAA"}
    assert wants(json.dumps({"morello_export": 1, "secrets": sealed}).encode())
    for other in (b'{"morello_export": 1}', b'{"morello_export": 99}', b"model_list: []", backup(SILICON), b""):
        assert not wants(other)


def test_keys_in_the_environment_are_an_import():
    imported = from_environment({"OPENAI_API_KEY": "sk-made-up-1", "ANTHROPIC_API_KEY": "cs-sk-ours", "HOME": "/root"})
    (draft,) = imported.found
    assert (draft.id, draft.keys[0].key, draft.keys[0].label) == ("openai", "sk-made-up-1", "OPENAI_API_KEY")
    assert [left.what for left in imported.left] == ["ANTHROPIC_API_KEY"]


def test_many_files_together_are_not_more_than_one_may_be(monkeypatch):
    monkeypatch.setattr(archive, "LARGEST_INSIDE", 3_000_000)
    noise = {f"Local Storage/leveldb/{number}.log": os.urandom(1_000_000) for number in range(4)}
    with pytest.raises(ImportRefused, match="unpacks to more than it may"):
        read(zipped(noise), {})
