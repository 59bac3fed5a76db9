"""What is not ours is what it says it is, and nothing comes from anywhere else."""

import hashlib
import re

from api.assets import folder

VENDOR = folder("static") / "vendor"
ROW = re.compile(r"^\| `(?P<file>[^`]+)` \|.*\| (?P<version>[0-9.]+) \|.*\| `(?P<hash>[0-9a-f]{64})` \|$", re.MULTILINE)


def listed() -> dict[str, str]:
    return {row["file"]: row["hash"] for row in ROW.finditer((VENDOR / "README.md").read_text())}


def test_every_vendored_file_is_listed_with_the_hash_it_has():
    there = {file.name for file in VENDOR.iterdir()} - {"README.md"}
    assert set(listed()) == there
    assert listed() == {name: hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() for name in there}


def test_a_script_carries_the_version_it_is_listed_with():
    for row in ROW.finditer((VENDOR / "README.md").read_text()):
        if not row["file"].endswith(".txt"):
            assert f"-{row['version']}.min." in row["file"]


def test_no_page_loads_anything_from_elsewhere():
    for template in folder("templates").rglob("*.html"):
        loads = re.findall(r'(?:src|href|action|content)="(https?:)?//', template.read_text())
        assert (template.name, loads) == (template.name, [])


def test_no_page_carries_script_or_style_of_its_own():
    for template in folder("templates").rglob("*.html"):
        text = template.read_text()
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=|hx-on|javascript:|\|\s*safe\b", text)
