"""What other programs know of providers, and what Morello knows: read from their files, shown, then taken over.

A reader makes an `Import` of bytes and does nothing else; applying.py compares it with what there is and keeps it.
"""

from collections.abc import Mapping

from api.importing import cherry, environment, litellm, own, yaml_text
from api.importing.archive import EMPTY, LARGEST, MAGIC, Archive, decoded
from api.importing.drafts import Draft, Import, ImportRefused, Key, Left, Limit, Name, bounded

__all__ = ["Draft", "Import", "ImportRefused", "Key", "Left", "Limit", "Name", "from_environment", "read", "wants"]

BEGINS_JSON = (b"{", b"[")


def read(content: bytes, variables: Mapping[str, str], passphrase: str | None = None) -> Import:
    """A file of any kind as an import; `ImportRefused` says what is wrong with it.

    Keys that it only names are looked up in `variables`. Takes a moment: not for the loop.
    """
    if len(content) > LARGEST:
        raise ImportRefused("The file is larger than %(most)d MiB.", most=LARGEST // 1024**2)
    if not content.strip():
        raise ImportRefused("The file is empty.")
    if content.startswith((MAGIC, EMPTY)):
        return bounded(cherry.read_archive(Archive(content)))
    if content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(BEGINS_JSON):
        return bounded(_of_json(content, variables, passphrase))
    document = yaml_text.read(content)
    if not litellm.is_one(document):
        raise _unknown()
    return bounded(litellm.read(document, variables))


def from_environment(variables: Mapping[str, str], own_ports: frozenset[int] = frozenset()) -> Import:
    """The keys that lie in the environment as an import."""
    return bounded(environment.read(variables, own_ports))


def wants(content: bytes) -> bool:
    """Whether a file wants a passphrase. What is wrong with it is for `read` to say."""
    try:
        return content.lstrip()[:1] == b"{" and own.is_one(content) and own.is_sealed(content)
    except ImportRefused:
        return False


def _of_json(content: bytes, variables: Mapping[str, str], passphrase: str | None) -> Import:
    if own.is_one(content):
        return own.read(content, passphrase)
    document = decoded(content, "The file", dict)
    if "localStorage" in document:
        return cherry.read_dump(content)
    if litellm.is_one(document):
        return litellm.read(document, variables)
    raise _unknown()


def _unknown() -> ImportRefused:
    return ImportRefused(
        "The file is none that can be imported: a backup of Cherry Studio, LiteLLM's config.yaml, or an export of "
        "Morello."
    )
