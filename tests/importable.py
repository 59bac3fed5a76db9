"""Files of other programs, made by hand in their real shapes."""

import io
import json
import sqlite3
import zipfile
from collections.abc import Sequence
from typing import Any

SILICON: dict[str, Any] = {
    "id": "silicon",
    "name": "Silicon",
    "type": "openai",
    "apiKey": "sk-made-up-silicon-0001, sk-made-up-silicon-0002",
    "apiHost": "https://api.siliconflow.cn",
    "models": [{"id": "Qwen/Qwen3-8B", "provider": "silicon", "name": "Qwen3-8B", "group": "Qwen"}],
    "isSystem": True,
    "enabled": True,
}
RELAY: dict[str, Any] = {
    "id": "5f3c1b8e-6b1e-4f6e-9a3e-0c1d2e3f4a5b",
    "name": "My Relay",
    "type": "openai",
    "apiKey": "sk-made-up-relay-0001",
    "apiHost": "https://relay.example",
    "models": [],
    "enabled": False,
}
CONFIG = """
model_list:
  - model_name: gpt-4o
    litellm_params:
      model: openai/gpt-4o
      api_key: os.environ/OPENAI_API_KEY
      rpm: 60
  - model_name: gpt-4o
    litellm_params:
      model: azure/gpt-4o-eu
      api_base: https://my-resource.openai.azure.com/
      api_key: made-up-azure-key-0001
      api_version: "2024-10-21"
  - model_name: claude
    litellm_params: {model: claude-sonnet-4-5, api_key: sk-made-up-claude-0001}
router_settings:
  routing_strategy: simple-shuffle
  model_group_alias: {fast: claude}
  fallbacks: [{gpt-4o: [claude]}]
general_settings:
  master_key: sk-made-up-master-0001
"""


def dump(*providers: dict[str, Any], server: bool = True, **state: Any) -> bytes:
    """data.json, as Cherry Studio wrote it up to format 5: JSON in JSON in JSON."""
    settings = {"apiServer": {"enabled": True, "host": "127.0.0.1", "port": 23333, "apiKey": "cs-sk-made-up-server"}}
    kept = {
        "llm": json.dumps({"defaultModel": {"id": "x"}, "providers": list(providers), "settings": {"ollama": {}}}),
        "settings": json.dumps(settings if server else {}),
        "_persist": '{"version":160,"rehydrated":true}',
        **state,
    }
    whole = {
        "time": 1760000000000,
        "version": 5,
        "localStorage": {"language": "zh-TW", "persist:cherry-studio": json.dumps(kept)},
        "indexedDB": {"topics": [{"id": "t1", "messages": []}], "files": []},
    }
    return json.dumps(whole).encode()


def zipped(files: dict[str, bytes]) -> bytes:
    """A zip of these files."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def backup(*providers: dict[str, Any]) -> bytes:
    """The same as a backup: a zip with the pictures beside it."""
    return zipped({"data.json": dump(*providers), "Data/Files/a.png": b"\x89PNG"})


Row = dict[str, Any]


def database(rows: Sequence[Row], preferences: Row | None = None) -> bytes:
    """The database of Cherry Studio 2, as far as anybody here looks at it, in the journal mode it has."""
    columns = (
        "provider_id TEXT PRIMARY KEY, preset_provider_id TEXT, name TEXT NOT NULL, endpoint_configs TEXT, "
        "default_chat_endpoint TEXT, api_keys TEXT, auth_config TEXT, is_enabled INTEGER"
    )
    db = sqlite3.connect(":memory:")
    db.execute(f"CREATE TABLE user_provider ({columns})")
    db.execute("CREATE TABLE user_model (id TEXT, provider_id TEXT)")
    db.execute("CREATE TABLE preference (scope TEXT, key TEXT, value TEXT)")
    for row in rows:
        written = {name: json.dumps(value) if isinstance(value, dict | list) else value for name, value in row.items()}
        marks = ", ".join("?" * len(written))
        db.execute(f"INSERT INTO user_provider ({', '.join(written)}) VALUES ({marks})", list(written.values()))
        db.execute("INSERT INTO user_model VALUES ('m', ?)", [row["provider_id"]])
    for key, value in (preferences or {}).items():
        db.execute("INSERT INTO preference VALUES ('default', ?, ?)", [key, json.dumps(value)])
    db.commit()
    image = bytearray(db.serialize())
    db.close()
    image[18:20] = b"\x02\x02"  # a write-ahead log lay beside it
    return bytes(image)
