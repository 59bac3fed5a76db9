"""Who may ask: one key, the same until its owner wants another."""

import re
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.keys import PLACE, Keyring, masked
from api.providers.registry import Providers
from api.store import Store
from api.store import keys as statements
from api.vault import Vault

FORM = re.compile(r"cs-sk-[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


@asynccontextmanager
async def opened(home):
    store = Store.open(home.path)
    try:
        yield Keyring(store, Vault.open(home.path))
    finally:
        await store.close()


@pytest.fixture
async def keyring(home):
    async with opened(home) as keyring:
        yield keyring


async def test_the_key_has_its_form(keyring):
    assert FORM.fullmatch(keyring.main())
    assert len(keyring.main()) == 42


async def test_every_home_has_a_key_of_its_own(keyring, tmp_path):
    (tmp_path / "other").mkdir(mode=0o700)
    store = Store.open(tmp_path / "other")
    assert Keyring(store, Vault.open(tmp_path / "other")).main() != keyring.main()
    await store.close()


async def test_the_key_opens(keyring):
    assert keyring.check(keyring.main().encode())


async def test_nothing_else_opens(keyring):
    key = keyring.main().encode()
    others = [
        b"",
        key[:-1],
        key + b"x",
        key[1:],
        key.upper(),
        b" " + key,
        key + b"\n",
        b"\x00",
        b"\xff" * 6000,
    ]
    others += [bytes([*key[:n], key[n] ^ 1, *key[n + 1 :]]) for n in range(len(key))]
    others += [b"cs-sk-%", b"' OR 1=1 --", key.replace(b"-", b"%"), b"*"]
    assert not any(map(keyring.check, others))


@given(presented=st.binary(max_size=60))
def test_no_bytes_open_or_hurt(presented):
    keyring = object.__new__(Keyring)
    keyring._pepper = b"p" * 32
    keyring._hold("cs-sk-0f8fad5b-d9cb-469f-a165-70867728950e")
    assert keyring.check(presented) is (presented == keyring.main().encode())


async def test_the_key_is_the_same_after_every_restart(home):
    async with opened(home) as keyring:
        key = keyring.main()
    for _ in range(2):
        async with opened(home) as keyring:
            assert keyring.main() == key
            assert keyring.check(key.encode())
            assert not keyring.was_unreadable


async def test_a_new_key_kills_the_old_one_at_once(keyring):
    old = keyring.main()
    new = await keyring.regenerate()
    assert new != old
    assert FORM.fullmatch(new)
    assert keyring.main() == new
    assert keyring.check(new.encode())
    assert not keyring.check(old.encode())


async def test_a_new_key_is_in_force_after_a_restart(home):
    async with opened(home) as keyring:
        old, new = keyring.main(), await keyring.regenerate()
    async with opened(home) as keyring:
        assert keyring.main() == new
        assert not keyring.check(old.encode())


async def test_a_new_key_is_on_the_disk_before_it_is_shown(home):
    async with opened(home) as keyring:
        new = await keyring.regenerate()
        beside = Store.open(home.path, read_only=True)  # as after a kill: nothing was closed
        assert Vault.open(home.path).unseal(beside.load(statements.load) or b"", PLACE) == new
        await beside.close()


async def test_a_new_key_that_cannot_be_kept_leaves_the_old_one_in_force(keyring):
    old = keyring.main()
    await keyring._store.write(lambda db: db.exec_driver_sql("DROP TABLE keys"))
    with pytest.raises(Exception, match="no such table"):
        await keyring.regenerate()
    assert keyring.main() == old
    assert keyring.check(old.encode())


async def test_a_lost_key_file_makes_a_new_key_and_says_so(home):
    async with opened(home) as keyring:
        old = keyring.main()
    (home.path / "master.key").unlink()
    async with opened(home) as keyring:
        new = keyring.main()
        assert keyring.was_unreadable
        assert new != old
        assert not keyring.check(old.encode())
    async with opened(home) as keyring:
        assert keyring.main() == new
        assert not keyring.was_unreadable


async def test_a_sealed_key_that_was_cut_makes_a_new_key_and_says_so(home):
    for length in (0, 4, 8, 16, 30):
        async with opened(home) as keyring:
            sealed = await keyring._store.write(statements.load)
            await keyring._store.write(lambda db, cut=sealed[:length]: statements.save(db, cut, 1.0))
        async with opened(home) as keyring:
            assert keyring.was_unreadable


def everything(folder):
    """Every byte below a folder."""
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


async def test_no_secret_stands_in_any_file(home):
    async def nobody(provider):
        return ()

    store = Store.open(home.path)
    vault = Vault.open(home.path)
    keyring = Keyring(store, vault)
    providers = Providers(store, vault, nobody, lambda: None, None)
    old, new = keyring.main(), await keyring.regenerate()
    await providers.add("one", "openai_chat", "https://one.example/v1", "sk-of-the-provider")
    secrets = [secret.encode() for secret in (old, old[6:], new, new[6:], "sk-of-the-provider")]
    running = everything(home.path)
    assert (home.path / "morello.db-wal").stat().st_size > 0
    await providers.catalog.close()
    await store.close()
    closed = everything(home.path)
    assert b"https://one.example/v1" in running
    for secret in secrets:
        assert secret not in running
        assert secret not in closed


async def test_a_new_key_leaves_nothing_of_the_old_one_not_even_sealed(home):
    async with opened(home) as keyring:
        sealed = await keyring._store.write(statements.load)
        assert sealed in everything(home.path)
        await keyring.regenerate()
        assert sealed not in everything(home.path)


def test_a_masked_key_shows_its_form_and_its_last_four():
    key = "cs-sk-0f8fad5b-d9cb-469f-a165-70867728950e"
    assert masked(key) == "cs-sk-••••••••-••••-••••-••••-••••••••950e"
