"""morello import and morello export, as a person types them."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from tests.importable import CONFIG, SILICON, backup
from tests.program import Program, free_port, morello

PASSPHRASE = "correct horse battery"
KEY = "sk-made-up-openai-0001"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG)
    return path


def listed(home: Path) -> list[str]:
    return [row["id"] for row in json.loads(morello("providers", "list", "--json", home=home).stdout)]


def took(*words: str, home: Path, given: str = "", **more: str) -> Any:
    done = morello("import", *words, "--json", home=home, given=given, **more)
    assert done.returncode == 0, done.stderr
    assert "made-up" not in done.stdout + done.stderr  # no key, and no master key
    return json.loads(done.stdout)


def test_a_file_is_shown_first_and_then_taken_over(home: Path, config: Path) -> None:
    shown = took(str(config), home=home, OPENAI_API_KEY=KEY)
    assert [row["state"] for row in shown["providers"]] == ["new", "new", "new"]
    assert (shown["done"], listed(home)) == (None, [])
    done = took(str(config), "--apply", home=home, OPENAI_API_KEY=KEY)["done"]
    assert done["groups"] == ["gpt-4o", "claude", "fast"]
    assert listed(home) == done["providers"] == ["openai", "azure", "anthropic"]


def test_without_json_there_is_a_line_for_each_thing(home: Path, config: Path) -> None:
    shown = morello("import", str(config), home=home, OPENAI_API_KEY=KEY)
    assert shown.stderr == f"Nothing was changed. To take it over: morello import {config} --apply\n"
    firsts = [line.split()[0] for line in shown.stdout.splitlines()]
    assert firsts[:6] == ["new"] * 6
    assert "left" in firsts
    assert "••••0001" in shown.stdout
    assert KEY not in shown.stdout


def test_a_running_morello_takes_it_over_at_once(home: Path, tmp_path: Path) -> None:
    archive = tmp_path / "backup.zip"
    archive.write_bytes(backup(SILICON))
    with Program(home, "--no-start", port=free_port()) as program:
        program.ready()
        assert took(str(archive), "--apply", home=home)["done"]["providers"] == ["silicon"]
        assert listed(home) == ["silicon"]
        exported = morello("export", "-", "--without-secrets", home=home).stdout
    assert json.loads(exported)["providers"][0]["id"] == "silicon"


def test_the_environment_is_a_file_too(home: Path) -> None:
    (row,) = took("env", home=home, OPENAI_API_KEY=KEY)["providers"]
    assert (row["id"], row["keys"]) == ("openai", [{"label": "OPENAI_API_KEY", "end": "••••0001"}])


def test_an_export_is_for_its_owner_alone_and_comes_back(home: Path, config: Path, tmp_path: Path) -> None:
    took(str(config), "--apply", home=home, OPENAI_API_KEY=KEY)
    file = tmp_path / "export.json"
    done = morello("export", str(file), "--passphrase-stdin", home=home, given=f"{PASSPHRASE}\n")
    assert (done.returncode, done.stdout) == (0, "")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "made-up" not in file.read_text()
    other = tmp_path / "other"
    wrong = morello("import", str(file), "--apply", "--passphrase-stdin", home=other, given="another one\n")
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert "passphrase does not open the file" in wrong.stderr
    assert took(str(file), "--apply", "--passphrase-stdin", home=other, given=f"{PASSPHRASE}\n")["done"]["providers"]
    assert listed(other) == listed(home)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["export", "{file}", "--without-secrets"], "There is a file"),
        (["export", "{file}/below.json", "--without-secrets"], "cannot be written"),
        (["export", "{new}"], "no terminal to type a passphrase into"),
        (["export", "{new}", "--passphrase-stdin"], "fewer than 8 characters"),
        (["import", "{new}"], "cannot be read"),
        (["import", "{folder}"], "cannot be read"),
        (["import", "{file}"], "none that can be imported"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(home: Path, tmp_path: Path, words: list[str], sentence: str) -> None:
    file, new = tmp_path / "there", tmp_path / "new"
    file.write_text("hello")
    told = [word.format(file=file, new=new, folder=tmp_path) for word in words]
    done = morello(*told, home=home)
    assert (done.returncode, done.stdout) == (1, "")
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert not new.exists()
