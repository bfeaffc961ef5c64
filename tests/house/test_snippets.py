"""Goal: what README and docs tell the reader to type works.

Method: run every fenced block that follows the line ``<!-- runnable -->``, each in its own empty
folder.  A ``console`` block is commands after ``$`` and what they print; ``...`` stands for any
text in between.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.house.tree import ROOT, name_of

BLOCK = re.compile(r"^<!-- runnable -->\n+```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SECONDS_MAX = 1800


@dataclass(frozen=True, slots=True)
class Snippet:
    page: Path
    line: int
    language: str
    code: str

    def __str__(self) -> str:
        return f"{name_of(self.page)}:{self.line}"


def snippets() -> list[Snippet]:
    """Return the runnable blocks of README and docs."""
    found = []
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        text = page.read_text(encoding="utf-8")
        for block in BLOCK.finditer(text):
            line = text[: block.start()].count("\n") + 1
            found.append(Snippet(page, line, block.group(1), block.group(2)))
    return found


def run(command: list[str], folder: Path) -> str:
    """Run a command as a user of this environment would; return what it printed."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "COLUMNS": "100", "NO_COLOR": "1"}
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    assert done.returncode == 0, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def console_steps(code: str) -> list[tuple[str, str]]:
    """Split a console block into commands and what each prints."""
    steps = re.split(r"^\$ ", code, flags=re.MULTILINE)
    assert not steps[0].strip(), "a console block begins with a command"
    return [(step.partition("\n")[0], step.partition("\n")[2]) for step in steps[1:]]


def agrees(printed: str, expected: str) -> bool:
    """Return whether a text is as a page shows it, ``...`` standing for anything."""
    pattern = ".*".join(re.escape(part.strip()) for part in expected.split("..."))
    return re.fullmatch(pattern, printed.strip(), re.DOTALL) is not None


@pytest.mark.slow
@pytest.mark.parametrize("snippet", snippets(), ids=str)
def test_snippet_runs(snippet: Snippet, tmp_path: Path) -> None:
    if snippet.language == "python":
        run([sys.executable, "-c", snippet.code], tmp_path)
    elif snippet.language == "bash":
        run(["bash", "-euo", "pipefail", "-c", snippet.code], tmp_path)
    else:
        assert snippet.language == "console"
        for command, expected in console_steps(snippet.code):
            printed = run(["bash", "-euo", "pipefail", "-c", command], tmp_path)
            assert agrees(printed, expected), f"{command} printed\n{printed}"


def test_pages_hold_snippets() -> None:
    """A changed marker would turn every test above off."""
    assert any(snippet.page.name == "README.md" for snippet in snippets())


@pytest.mark.parametrize(
    ("printed", "expected", "same"),
    [("a\nb\nc", "a\n...\nc", True), ("a\nb", "a", False), (" a ", "a", True)],
)
def test_shown_output_is_compared(printed: str, expected: str, same: bool) -> None:
    assert agrees(printed, expected) == same
