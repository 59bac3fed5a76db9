"""What is handed out: the wheel and the source archive carry all they need, the lock pins it all."""

import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
from collections.abc import Iterator
from configparser import ConfigParser
from pathlib import Path
from zipfile import ZipFile

import httpx
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from api import VERSION

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCK = (ROOT / "requirements.lock").read_text()

# Spelled in pieces, or this file would be the first to name them.
REGISTRIES = re.compile(
    "|".join(map(re.escape, ("pypi" + ".org", "python" + "hosted.org", "registry.npm" + "js", "deb." + "debian")))
)
# What turns sources into catalogues is of no use without them.
FOR_TRANSLATORS = {"webui/locale/compile.py", "webui/locale/gather.py"}
HOMES = re.compile(r"(?<![\w.:/}~-])/(?:home|Users|root|work)/[\w.-]")


def files() -> set[str]:
    """Every file of the project: what git holds or would add; without git, what it would not ignore."""
    if (ROOT / ".git").exists():
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
        return {name for name in listed.split("\0") if name and (ROOT / name).is_file()}
    ignored = {line.rstrip("/") for line in (ROOT / ".gitignore").read_text().splitlines()}
    found = (path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file())
    return {str(path) for path in found if ignored.isdisjoint(path.parts)} - {"PKG-INFO"}


def under(*tops: str) -> set[str]:
    return {name for name in files() if name.split("/")[0] in tops}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the wheel and the source archive of this tree."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", folder], cwd=ROOT, check=True, capture_output=True
    )
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    return next(built.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The commands of an environment with the wheel, our dependencies, and no way back to this checkout."""
    place = tmp_path_factory.mktemp("environment")
    venv.create(place)
    packages = next(place.glob("lib/python*/site-packages"))
    # A path in a .pth file is not itself searched for .pth files: the editable install stays out of sight.
    (packages / "dependencies.pth").write_text(sysconfig.get_paths()["purelib"])
    pip = [sys.executable, "-m", "pip", "--python", str(place / "bin/python"), "install", "--quiet"]
    subprocess.run([*pip, "--no-index", "--no-deps", "--ignore-installed", str(wheel)], check=True)
    return place / "bin"


def run(*command: str | Path, cwd: Path) -> str:
    """What a command prints, away from this checkout."""
    done = subprocess.run(command, cwd=cwd, env=elsewhere(cwd), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def elsewhere(home: Path) -> dict[str, str]:
    """An environment that knows neither this checkout nor this person."""
    return {"PATH": os.environ["PATH"], "HOME": str(home), "XDG_CACHE_HOME": str(home / "cache")}


@pytest.fixture
def login_link(installed: Path, tmp_path: Path) -> Iterator[str]:
    """Morello, served from the wheel: the link it prints."""
    options = [f"--home={tmp_path / 'home'}", "--dashboard-port=0", "--no-browser", "--no-start"]
    with subprocess.Popen(
        [installed / "morello", *options],
        cwd=tmp_path,
        env=elsewhere(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout
        printed = iter(process.stdout.readline, "")
        yield next(found[0] for line in printed if (found := re.search(r"http://\S+/login\?\S+", line)))
        process.terminate()


def test_the_wheel_carries_code_pages_and_translations_only(wheel: Path) -> None:
    names = {name for name in ZipFile(wheel).namelist() if ".dist-info/" not in name}

    pages = {f"webui/{name}" for name in under("templates", "static")}
    written = {name for name in files() if name.endswith(".po")}
    translated = {name.removesuffix(".po") + ".mo" for name in written}
    assert len(translated) == 2
    assert names == (under("api", "webui") - written - FOR_TRANSLATORS) | pages | translated


def test_a_wheel_of_the_source_archive_carries_the_translations_too(built: Path, tmp_path: Path) -> None:
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        archive.extractall(tmp_path, filter="data")
    source = next(tmp_path.iterdir())
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=source, check=True, capture_output=True)

    names = ZipFile(next(tmp_path.glob("*.whl"))).namelist()

    assert {name.split("/")[2] for name in names if name.endswith(".mo")} == {"zh-Hant-HK", "zh-Hans"}


def test_the_installed_command_has_its_translations(installed: Path, tmp_path: Path) -> None:
    code = "from webui.locale import locale; print(locale('zh-Hant-HK').gettext('Overview'))"

    assert run(installed / "python", "-c", code, cwd=tmp_path) == "總覽\n"


def test_the_wheel_brings_the_command(wheel: Path) -> None:
    scripts = ConfigParser()
    scripts.read_string(ZipFile(wheel).read(f"morello-{VERSION}.dist-info/entry_points.txt").decode())

    assert dict(scripts["console_scripts"]) == {"morello": "webui.cli:main"}


def test_the_source_archive_is_the_whole_tree(built: Path) -> None:
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}

    assert names - {"PKG-INFO"} == files()


def test_the_installed_command_runs_anywhere(installed: Path, tmp_path: Path) -> None:
    by_name = run(installed / "morello", "--version", cwd=tmp_path)
    by_module = run(installed / "python", "-m", "webui", "--version", cwd=tmp_path)

    assert by_name == by_module == f"morello {VERSION}\n"


def test_the_installed_dashboard_has_its_pages(login_link: str) -> None:
    with httpx.Client(base_url=httpx.URL(login_link).join("/"), follow_redirects=True) as browser:
        page = browser.get(login_link).raise_for_status()
        linked = re.findall(r'(?:href|src)="(/static/[^"#?]+)', page.text)
        answers = {path: browser.get(path).status_code for path in linked}

    assert {Path(path).suffix for path in linked} >= {".css", ".js"}
    assert set(answers.values()) == {200}, answers


@pytest.mark.parametrize("folder", ["templates", "static"])
def test_the_installed_code_finds_its_own_pages(installed: Path, tmp_path: Path, folder: str) -> None:
    code = f"from api.assets import folder; print(folder({folder!r}).resolve())"

    found = Path(run(installed / "python", "-c", code, cwd=tmp_path).strip())

    assert found.is_relative_to(installed.parent.resolve())
    assert {path.name for path in found.iterdir()} >= {Path(name).parts[1] for name in under(folder)}


@pytest.mark.parametrize(
    "what", [REGISTRIES, HOMES, re.compile(re.escape(f"{ROOT}/"))], ids=["registry", "home", "here"]
)
def test_no_file_tells_where_it_was_made(what: re.Pattern[str]) -> None:
    telling = {name for name in files() if what.search((ROOT / name).read_text(errors="ignore"))}

    assert not telling


def parts() -> dict[str, list[str]]:
    """The pins of the lock by part; a pin is one line, its hashes included."""
    _, *texts = re.split(r"^# part: ", LOCK.replace("\\\n", ""), flags=re.MULTILINE)
    return {part: lines for part, *lines in (text.split("\n") for text in texts)}


def pins(*wanted: str) -> dict[str, Requirement]:
    """What is pinned in these parts, by name."""
    lines = [line.partition("--hash")[0] for part in wanted for line in parts()[part] if line]
    return {canonicalize_name(pin.name): pin for pin in map(Requirement, lines)}


def test_every_pin_has_its_hashes_and_no_address() -> None:
    lines = [line for part in parts().values() for line in part if line]

    assert all(re.fullmatch(r"[\w.-]+==\S+ *(;[^;]+?)?( +--hash=sha256:[0-9a-f]{64})+", line) for line in lines)
    assert "://" not in LOCK


@pytest.mark.parametrize(
    ("declared", "part"),
    [
        (PROJECT["dependencies"], ["run"]),
        (tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"], ["run"]),
        (PROJECT["optional-dependencies"]["local"], ["run", "local"]),
        (PROJECT["optional-dependencies"]["test"], ["run", "test"]),
    ],
    ids=["run", "build", "local", "test"],
)
def test_the_lock_pins_what_the_project_asks_for(declared: list[str], part: list[str]) -> None:
    pinned = pins(*part)

    for need in map(Requirement, declared):
        pin = pinned[canonicalize_name(need.name)]
        version = str(pin.specifier).removeprefix("==")
        assert need.specifier.contains(version), f"{need} is pinned as {pin}: run `make lock`."


def test_the_built_in_model_can_be_left_out() -> None:
    assert not pins("run", "test").keys() & pins("local").keys()
    assert "xllamacpp" in pins("local")
