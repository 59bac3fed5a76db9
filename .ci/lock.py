"""Writes requirements.lock: all that Morello runs, tests and builds with, pinned by hash, in three parts."""

import re
import subprocess
import sys
import tomllib
import venv
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parent.parent
LOCK = ROOT / "requirements.lock"
HEAD = """\
# Every package Morello runs, tests and builds with, by version and hash. Written by `make lock`.
# Morello needs the part `run`, its built-in model `local`, its tests `test`.
"""

# For every platform from the oldest Python on; hashes, but neither index addresses nor paths of a machine.
FORM = ["--universal", "--python-version=3.11", "--generate-hashes"]
FORM += ["--quiet", "--no-emit-index-url", "--no-annotate", "--no-header"]

# Part by part what is asked for; a package stands in the first part that needs it.
PARTS: dict[str, list[str]] = {
    "run": [],
    "local": ["--extra=local"],
    "test": ["--extra=local", "--extra=test"],
}


def main() -> None:
    """Resolve once with everything, then divide the answer among the parts."""
    with TemporaryDirectory() as folder:
        room = Path(folder)
        uv = install_uv(room)
        everything = room / "everything.lock"
        everything.write_text(LOCK.read_text() if LOCK.exists() else "")
        LOCK.write_text(HEAD + "".join(parts(uv, everything)))


def install_uv(room: Path) -> Path:
    """The resolver, in an environment that is thrown away."""
    venv.create(room / "uv", with_pip=True)
    python = room / "uv/bin/python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", "uv"], check=True)
    return room / "uv/bin/uv"


def parts(uv: Path, everything: Path) -> list[str]:
    """Each part with its heading. Pins that still fit are kept, unless --upgrade was asked for."""
    pins = pinned(compile_lock(uv, everything, ["--all-extras", *sys.argv[1:]]))
    chosen: set[str] = set()
    written = []
    for part, extras in PARTS.items():
        wanted = pinned(compile_lock(uv, everything.with_stem(part), [*extras, f"--constraint={everything}"]))
        names = sorted(wanted.keys() - chosen)
        written.append(f"\n# part: {part}\n" + "".join(pins[name] for name in names))
        chosen.update(names)
    return written


def compile_lock(uv: Path, target: Path, options: list[str]) -> str:
    """One resolution of pyproject.toml, and of what builds and installs it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    tools = target.with_suffix(".in")
    tools.write_text("\n".join([*project["build-system"]["requires"], "pip"]))
    command = [
        str(uv),
        "pip",
        "compile",
        *FORM,
        *options,
        f"--output-file={target}",
        "pyproject.toml",
        str(tools),
    ]
    subprocess.run(command, cwd=ROOT, check=True)
    return target.read_text()


def pinned(lock: str) -> dict[str, str]:
    """The lines of each package by its name: one pin, or several where platforms differ."""
    pins: dict[str, str] = {}
    for pin in re.findall(r"^[^\s#].*\n(?:[ ].*\n)*", lock, re.MULTILINE):
        name = re.split("[=; ]", pin, maxsplit=1)[0]
        pins[name] = pins.get(name, "") + pin
    return pins


if __name__ == "__main__":
    main()
