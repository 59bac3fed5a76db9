"""Backups of Cherry Studio: what of each format maps, and what does not."""

from pathlib import Path

import pytest

from api.importing import Import, ImportRefused, read
from tests.importable import RELAY, SILICON, backup, database, dump, zipped

RECORDED = Path(__file__).parents[1] / "recordings" / "cherry"


def taken(content: bytes) -> Import:
    return read(content, {})


def only(*rows):
    (draft,) = taken(backup(*rows)).found
    return draft


def reasons(imported: Import) -> dict[str, str]:
    return {left.what: left.why.message for left in imported.left}


def test_a_known_provider_has_the_presets_address_all_its_keys_and_its_own_id():
    draft = only(SILICON)
    assert (draft.id, draft.preset, draft.base_url) == ("silicon", "siliconflow-cn", "https://api.siliconflow.cn/v1")
    assert [key.key for key in draft.keys] == ["sk-made-up-silicon-0001", "sk-made-up-silicon-0002"]
    assert (draft.models, draft.enabled) == (1, True)


def test_an_id_that_was_drawn_by_lot_gives_way_to_the_name():
    draft = only(RELAY)
    assert (draft.id, draft.name, draft.base_url, draft.enabled) == (
        "my-relay",
        "My Relay",
        "https://relay.example/v1",
        False,
    )


@pytest.mark.parametrize(
    ("host", "base_url"),
    [
        ("https://relay.example", "https://relay.example/v1"),
        ("https://relay.example/", "https://relay.example"),
        ("https://relay.example/api#", "https://relay.example/api"),
        ("https://relay.example/v3", "https://relay.example/v3"),
        ("https://relay.example/v3/openai/", "https://relay.example/v3/openai"),
        ("https://api.deepseek.com", "https://api.deepseek.com"),
        ("https://api.groq.com/openai", "https://api.groq.com/openai/v1"),
        ("http://localhost:1234", "http://127.0.0.1:1234/v1"),
    ],
)
def test_a_host_becomes_the_address_that_cherry_studio_asks(host, base_url):
    assert only({**RELAY, "apiHost": host}).base_url == base_url


@pytest.mark.parametrize(
    ("kind", "host", "dialect"),
    [
        ("openai", "https://relay.example", "openai_chat"),
        ("openai-response", "https://relay.example", "openai_responses"),
        ("anthropic", "https://relay.example", "anthropic"),
        ("gemini", "https://relay.example", "gemini"),
        ("new-api", "https://relay.example", "openai_chat+anthropic"),
        ("azure-openai", "https://mine.openai.azure.com/", "openai_chat+openai_responses"),
        ("openai-response", "https://api.openai.com", "openai_chat+openai_responses"),
    ],
)
def test_each_kind_is_asked_in_its_dialect(kind, host, dialect):
    assert only({**RELAY, "type": kind, "apiHost": host}).dialect == dialect


def test_what_a_server_cannot_do_is_a_quirk():
    quirks = only({**RELAY, "apiOptions": {"isNotSupportStreamOptions": True, "isNotSupportArrayContent": True}}).quirks
    assert (quirks.stream_options, quirks.content_lists) == (False, False)


def test_providers_that_nobody_set_up_are_counted_and_not_listed():
    imported = taken(backup(SILICON, {**SILICON, "id": "yi", "apiKey": "", "enabled": False}))
    assert [draft.id for draft in imported.found] == ["silicon"]
    assert reasons(imported)["Cherry Studio"].startswith("1 of the providers")


def test_a_program_on_this_computer_needs_no_key():
    draft = only(
        {"id": "ollama", "type": "ollama", "name": "Ollama", "apiHost": "http://localhost:11434/api", "enabled": True}
    )
    assert (draft.base_url, draft.keys) == ("http://127.0.0.1:11434/v1", ())


@pytest.mark.parametrize("kind", ["vertexai", "aws-bedrock", "someday"])
def test_what_is_asked_without_a_key_is_left_with_its_reason(kind):
    imported = taken(backup({**RELAY, "type": kind}))
    assert imported.found == ()
    assert reasons(imported)["My Relay"]


def test_headers_and_a_second_address_are_named_as_left():
    row = {**RELAY, "extra_headers": {"X-Team": "secret"}, "anthropicApiHost": "https://relay.example/anthropic"}
    said = " ".join(left.why.message for left in taken(backup(row)).left)
    assert "X-Team" in said
    assert "https://relay.example/anthropic" in said
    assert "secret" not in said


def test_its_api_servers_port_is_said_and_its_key_is_not():
    said = reasons(taken(backup(SILICON)))["API Server"]
    assert "23333" in said
    assert "cs-sk" not in said


def test_one_wrong_entry_leaves_the_others():
    imported = taken(backup({"id": 7, "name": "Seven"}, SILICON))
    assert [draft.id for draft in imported.found] == ["silicon"]
    assert "Seven" in reasons(imported)


def test_two_of_the_same_name_have_an_id_each():
    imported = taken(backup(RELAY, {**RELAY, "id": "6" * 36, "apiHost": "https://other.example"}))
    assert [draft.id for draft in imported.found] == ["my-relay", "my-relay-2"]


def test_the_dump_alone_is_read_too():
    assert [draft.id for draft in taken(dump(SILICON)).found] == ["silicon"]


@pytest.mark.parametrize("kind", ["fresh", "packed"])  # what was just written lies in a log, older things in tables
def test_the_files_of_the_browsers_storage_are_read_as_chromium_left_them(kind):
    files = {f"Local Storage/leveldb/{path.name}": path.read_bytes() for path in (RECORDED / kind).iterdir()}
    (draft,) = taken(zipped({**files, "metadata.json": b'{"version":6}'})).found
    assert draft.name == "硅基流動"  # the newer writing
    assert [key.key for key in draft.keys] == ["sk-made-up-one", "sk-made-up-two"]


@pytest.mark.parametrize("path", sorted(RECORDED.glob("*/*")), ids=lambda path: path.name)
def test_a_storage_file_cut_anywhere_holds_a_whole_writing_or_is_refused_in_words(path):
    content = path.read_bytes()
    for at in range(0, len(content), max(1, len(content) // 40)):
        try:
            imported = taken(zipped({f"Local Storage/leveldb/{path.name}": content[:at]}))
        except ImportRefused:
            continue
        assert [draft.id for draft in imported.found] == ["silicon"]


DATABASE = (
    {
        "provider_id": "deepseek",
        "preset_provider_id": "deepseek",
        "name": "DeepSeek",
        "default_chat_endpoint": "openai-chat-completions",
        "api_keys": [
            {"id": "1", "key": "sk-made-up-deep-0001", "label": "work", "isEnabled": True},
            {"id": "2", "key": "sk-made-up-deep-0002", "isEnabled": False},
        ],
        "auth_config": {"type": "api-key"},
        "is_enabled": 1,
    },
    {
        "provider_id": "5f3c1b8e-6b1e-4f6e-9a3e-0c1d2e3f4a5b",
        "name": "Claude relay",
        "endpoint_configs": {"anthropic-messages": {"baseUrl": "https://relay.example/anthropic"}},
        "default_chat_endpoint": "anthropic-messages",
        "api_keys": [{"id": "3", "key": "sk-made-up-relay-0003", "isEnabled": True}],
        "is_enabled": 0,
    },
    {"provider_id": "vertexai", "name": "Vertex", "auth_config": {"type": "iam-gcp"}, "is_enabled": 1, "api_keys": []},
)


def test_the_database_of_version_2_is_read_with_labels_and_switches():
    content = zipped({"Data/cherrystudio.sqlite": database(DATABASE, {"feature.api_gateway.port": 24444})})
    imported = taken(content)
    deepseek, relay = imported.found
    assert (deepseek.base_url, deepseek.models, deepseek.enabled) == ("https://api.deepseek.com", 1, True)
    assert [(key.label, key.enabled) for key in deepseek.keys] == [("work", True), ("", False)]
    assert (relay.id, relay.dialect, relay.enabled) == ("claude-relay", "anthropic", False)
    assert relay.base_url == "https://relay.example/anthropic"
    assert "24444" in reasons(imported)["API Server"]


@pytest.mark.parametrize(
    "content",
    [b"", b"SQLite format 3\x00", b"something else", database(DATABASE)[:5000], b"SQLite format 3\x00" + bytes(90)],
    ids=["empty", "head", "another", "cut", "zeros"],
)
def test_a_database_that_is_none_is_refused_in_words(content):
    with pytest.raises(ImportRefused, match="database"):
        taken(zipped({"Data/cherrystudio.sqlite": content}))
