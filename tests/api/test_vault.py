"""Secrets at rest: sealed for one place, under a key file of the owner's."""

import os
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.errors import CannotRun
from api.vault import ID_BYTES, KEY_BYTES, Unreadable, Vault

PLACE = "providers|one|secret"
texts = st.text()


@pytest.fixture
def vault(tmp_path):
    return Vault.open(tmp_path)


@pytest.fixture
def key_file(vault, tmp_path):
    return tmp_path / "master.key"


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@given(texts, texts)
def test_what_is_sealed_for_a_place_opens_there(secret, place):
    vault = Vault(b"k" * KEY_BYTES + b"idid")
    assert vault.unseal(vault.seal(secret, place), place) == secret


@given(texts, texts)
def test_it_opens_nowhere_else(place, other):
    vault = Vault(b"k" * KEY_BYTES + b"idid")
    if place == other:
        return
    with pytest.raises(Unreadable):
        vault.unseal(vault.seal("secret", place), other)


@given(st.binary(max_size=60))
def test_what_was_never_sealed_is_unreadable(sealed):
    with pytest.raises(Unreadable):
        Vault(b"k" * KEY_BYTES + b"idid").unseal(sealed, PLACE)


def test_a_sealed_secret_with_any_byte_changed_or_lost_is_unreadable(vault):
    sealed = vault.seal("secret", PLACE)
    changed = [sealed[:n] + bytes([sealed[n] ^ 1]) + sealed[n + 1 :] for n in range(len(sealed))]
    for other in [*changed, *(sealed[:n] for n in range(len(sealed))), sealed + b"x"]:
        with pytest.raises(Unreadable):
            vault.unseal(other, PLACE)


def test_the_same_secret_never_looks_the_same(vault):
    assert len({vault.seal("secret", PLACE) for _ in range(50)}) == 50


def test_a_sealed_secret_does_not_show_it(vault):
    assert b"secret" not in vault.seal("secret", PLACE)


def test_the_key_file_is_the_owners_alone(key_file):
    assert mode(key_file) == 0o600
    assert key_file.stat().st_size == KEY_BYTES + ID_BYTES


def test_the_key_file_is_the_owners_alone_whatever_the_umask(tmp_path):
    os.umask(0)
    Vault.open(tmp_path)
    assert mode(tmp_path / "master.key") == 0o600


def test_the_key_file_is_made_once(vault, tmp_path):
    sealed = vault.seal("secret", PLACE)
    assert Vault.open(tmp_path).unseal(sealed, PLACE) == "secret"
    assert os.listdir(tmp_path) == ["master.key"]


def test_two_homes_have_two_keys(vault, tmp_path):
    (tmp_path / "other").mkdir()
    with pytest.raises(Unreadable):
        Vault.open(tmp_path / "other").unseal(vault.seal("secret", PLACE), PLACE)


def test_a_draft_that_a_crash_left_behind_does_no_harm(tmp_path):
    (tmp_path / "master.new").write_bytes(b"half")
    sealed = Vault.open(tmp_path).seal("secret", PLACE)
    assert Vault.open(tmp_path).unseal(sealed, PLACE) == "secret"
    assert not (tmp_path / "master.new").exists()


@pytest.mark.parametrize("size", [0, 1, KEY_BYTES, KEY_BYTES + ID_BYTES - 1, KEY_BYTES + ID_BYTES + 1])
def test_a_key_file_of_another_size_is_refused_in_words_and_kept(key_file, tmp_path, size):
    key_file.write_bytes(b"x" * size)
    with pytest.raises(CannotRun, match=r"master\.key is damaged\. Restore it"):
        Vault.open(tmp_path)
    assert key_file.read_bytes() == b"x" * size


def test_a_key_file_that_is_a_link_is_refused_in_words(key_file, tmp_path):
    key_file.rename(tmp_path / "elsewhere")
    key_file.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CannotRun, match=r"master\.key is a link"):
        Vault.open(tmp_path)


@pytest.mark.parametrize("rights", [0o640, 0o604, 0o660, 0o602, 0o610])
def test_a_key_file_that_others_can_open_is_refused_with_the_way_to_close_it(key_file, tmp_path, rights):
    key_file.chmod(rights)
    with pytest.raises(CannotRun, match=r"chmod go-rwx '.*master\.key'"):
        Vault.open(tmp_path)


def test_a_key_file_of_another_user_is_refused_in_words(vault, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(CannotRun, match="belongs to another user"):
        Vault.open(tmp_path)
