"""Goal: the repository says nothing of the machine it was written on; its links lead somewhere.

Method: search every tracked text file.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.house.tree import ROOT, name_of, tracked_files

FILES = [
    path
    for path in tracked_files()
    if path.suffix not in (".png", ".parquet", ".gz", ".zip", ".ico", ".woff2")
]
PAGES = [path for path in FILES if path.suffix == ".md"]

# Joined here so that this file does not find itself.
PLACES = ["/" + "work/", "/" + "root/", "/" + "home/", "/" + "Users/", "/" + "tmp/"]
HOSTS = ["pypi" + ".org", "python" + "hosted", "registry." + "npm", "deb." + "debian"]
FOREIGN = re.compile("|".join(rf"(?<![\w.~-]){re.escape(word)}" for word in PLACES + HOSTS))

LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")
FENCE = re.compile(r"^( *)(```+|~~~+).*?^\1\2 *$", re.MULTILINE | re.DOTALL)


def slug(heading: str) -> str:
    """Return a heading's anchor, as GitHub and MkDocs make it."""
    plain = re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
    return re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", plain))


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    return {slug(heading) for heading in re.findall(r"^#+\s+(.*)$", text, re.MULTILINE)}


def dead_links(page: Path, text: str) -> list[str]:
    """Return the relative links of a page that lead nowhere."""
    dead = []
    for target in LINK.findall(FENCE.sub("", text)):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        if not file.exists() or (anchor and file.suffix == ".md" and anchor not in anchors(file)):
            dead.append(target)
    return dead


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_no_machine_path_or_registry_host(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    found = FOREIGN.search(text)
    assert found is None, f"{found.group()} in line {text[: found.start()].count(chr(10)) + 1}"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_relative_links_lead_somewhere(page: Path) -> None:
    assert dead_links(page, page.read_text(encoding="utf-8")) == []


def test_dead_links_are_seen() -> None:
    text = "[a](nowhere.md) [b](README.md#no-such-heading) [c](README.md) [d](https://example.com)"
    assert dead_links(ROOT / "CHANGELOG.md", text) == ["nowhere.md", "README.md#no-such-heading"]


def test_every_page_is_on_the_map() -> None:
    links = set(LINK.findall((ROOT / "docs" / "index.md").read_text(encoding="utf-8")))
    pages = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    assert pages - {"index.md"} == {link for link in links if link.endswith(".md")}


def test_todo_names_an_issue() -> None:
    for path in FILES:
        for line in path.read_text(encoding="utf-8").splitlines():
            assert not re.search(r"\b(TODO|FIXME)\b(?!.*#\d+)", line) or path.name == "test_text.py"
