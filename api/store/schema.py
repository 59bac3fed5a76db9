"""The tables. Their version is a number in `meta`: an older database is brought up to it, a newer one left alone."""

from typing import Final

from sqlalchemy import Boolean, Column, Float, Integer, LargeBinary, MetaData, String, Table, Text

VERSION: Final = 4
# What makes the tables of a version those of the next. Tables that are wholly new need nothing here.
UPGRADES: Final[dict[int, tuple[str, ...]]] = {
    1: (
        "ALTER TABLE sessions ADD COLUMN agent VARCHAR(200) DEFAULT '' NOT NULL",
        "ALTER TABLE sessions ADD COLUMN how VARCHAR(16) DEFAULT 'link' NOT NULL",
    ),
    2: ("ALTER TABLE providers ADD COLUMN quirks TEXT DEFAULT '{}' NOT NULL",),
    3: (
        "INSERT INTO credentials (provider, number, label, secret, weight, enabled, created) "
        "SELECT id, 1, '', secret, 1, 1, created FROM providers WHERE secret IS NOT NULL",
        "ALTER TABLE providers DROP COLUMN secret",
        "ALTER TABLE providers ADD COLUMN proxy BLOB",
    ),
}

metadata = MetaData()

meta = Table(
    "meta",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)

settings = Table(
    "settings",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", Text, nullable=False, comment="JSON"),
)

keys = Table(
    "keys",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("secret", LargeBinary, nullable=False, comment="sealed: the owner may copy it at any time"),
    Column("created", Float, nullable=False),
)

providers = Table(
    "providers",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("name", String(128), nullable=False),
    Column("dialect", String(32), nullable=False, comment="or several, joined by +: SQLite counts no letters"),
    Column("base_url", Text, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("created", Float, nullable=False),
    Column("quirks", Text, nullable=False, server_default="{}", comment="JSON, what is not as usual"),
    Column("proxy", LargeBinary, comment="sealed, it may hold a password; null: as the setting says"),
)

credentials = Table(
    "credentials",
    metadata,
    Column("provider", String(32), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("label", String(64), nullable=False),
    Column("secret", LargeBinary, nullable=False, comment="sealed"),
    Column("weight", Integer, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("created", Float, nullable=False),
)

groups = Table(
    "groups",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("models", Text, nullable=False, comment="JSON: full names, the first is asked first"),
    Column("policy", Text, nullable=False, comment="JSON, what is not as usual"),
    Column("created", Float, nullable=False),
)

# What the owner chose for single models; those without a row are as their provider lists them.
models = Table(
    "models",
    metadata,
    Column("provider", String(32), primary_key=True),
    Column("model", String(512), primary_key=True),
    Column("enabled", Boolean, nullable=False),
    Column("added", Boolean, nullable=False, comment="by the owner: listed even where the provider does not"),
    Column("facts", Text, nullable=False, comment="JSON, what the owner knows better"),
)

limits = Table(
    "limits",
    metadata,
    Column("provider", String(32), primary_key=True, comment="empty: all"),
    Column("route", String(32), primary_key=True, comment="empty: all"),
    Column("chosen", Text, nullable=False, comment="JSON, only what is not as usual"),
)

catalog = Table(
    "catalog",
    metadata,
    Column("provider", String(32), primary_key=True),
    Column("models", Text, nullable=False, comment="JSON, as last fetched"),
    Column("fetched", Float, nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    Column("digest", LargeBinary, primary_key=True, comment="SHA-256 of the session id"),
    Column("created", Float, nullable=False),
    Column("seen", Float, nullable=False),
    Column("agent", String(200), nullable=False, server_default="", comment="what the browser calls itself"),
    Column("how", String(16), nullable=False, server_default="link", comment="link or password"),
)

responses = Table(
    "responses",
    metadata,
    Column("id", String(200), primary_key=True),
    Column("at", Float, nullable=False, index=True),
    Column("sealed", LargeBinary, nullable=False, comment="only where the owner wants stored responses on the disk"),
)

calls = Table(
    "calls",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Float, nullable=False, index=True),
    Column("request_id", String(40), nullable=False),
    Column("route", String(64), nullable=False),
    Column("dialect", String(32), nullable=False),
    Column("asked", Text, comment="the model's name as the caller wrote it"),
    Column("provider", String(32)),
    Column("served", Text, comment="the model's name at the provider"),
    Column("status", Integer, nullable=False),
    Column("error", String(64)),
    Column("streamed", Boolean, nullable=False),
    Column("tokens_in", Integer, comment="null where the provider reported none"),
    Column("tokens_out", Integer),
    Column("first_token_ms", Float),
    Column("total_ms", Float, nullable=False),
    Column("bytes_in", Integer, nullable=False),
    Column("bytes_out", Integer, nullable=False),
)

# Only those that failed: the one that answered is the call itself.
attempts = Table(
    "attempts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Float, nullable=False, index=True),
    Column("request_id", String(40), nullable=False, index=True),
    Column("provider", String(32), nullable=False),
    Column("model", Text, nullable=False, comment="empty where the provider was asked for none"),
    Column("key", Integer, nullable=False, comment="the number of the credential; 0: none"),
    Column("status", Integer, nullable=False, comment="what the caller would have got"),
    Column("error", String(64), nullable=False),
    Column("blame", String(16), nullable=False),
    Column("words", Text, nullable=False, comment="the provider's own where it said any, without secrets"),
    Column("ms", Float, nullable=False),
)

# What a conformance run found: whether a model can do something, at the address its provider has.
measured = Table(
    "measured",
    metadata,
    Column("provider", String(32), primary_key=True),
    Column("model", String(512), primary_key=True),
    Column("capability", String(32), primary_key=True),
    Column("works", Boolean, nullable=False),
    Column("at", Float, nullable=False),
)
