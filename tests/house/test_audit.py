"""Goal: `make check` fails where a locked package is known to be vulnerable, and only there.

Method: answers of the vulnerability service made up by hand.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.house.tree import ROOT

LOCK = """
numpy==2.4.6 ; python_full_version < '3.12' \\
    --hash=sha256:00
numpy==2.5.5 ; python_full_version >= '3.12' \\
    --hash=sha256:01
rich==15.0.0 \\
    --hash=sha256:02
"""
FAULT = {"id": "PYSEC-1", "fix_versions": ["15.0.1"]}


@pytest.fixture
def audit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    spec = importlib.util.spec_from_file_location("audit", ROOT / ".ci" / "audit.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / "lock").write_text(LOCK, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["audit.py", "lock"])
    return module


def answering(monkeypatch: pytest.MonkeyPatch, audit: Any, faults: list[Any]) -> list[list[str]]:
    """Let the service say ``faults`` of rich and nothing of others; return what it was asked."""
    asked: list[list[str]] = []

    def ask(service: str, pins: list[str]) -> list[dict[str, Any]]:
        asked.append(pins)
        names = [pin.split("==") for pin in pins]
        return [
            {"name": name, "version": version, "vulns": faults if name == "rich" else []}
            for name, version in names
        ]

    monkeypatch.setattr(audit, "ask", ask)
    return asked


def test_a_known_fault_fails(
    audit: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = answering(monkeypatch, audit, [FAULT])
    assert audit.main() == 1
    assert "rich 15.0.0: PYSEC-1, mended in 15.0.1" in capsys.readouterr().out
    assert {pin for pins in asked for pin in pins} == {
        "numpy==2.4.6",
        "numpy==2.5.5",
        "rich==15.0.0",
    }
    assert all(len({pin.split("==")[0] for pin in pins}) == len(pins) for pins in asked)
    before = len(asked)
    assert audit.main() == 1, "a fault is not kept as an answer"
    assert len(asked) > before


def test_nothing_known_is_kept_for_the_day_and_the_lock(
    audit: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = answering(monkeypatch, audit, [])
    assert audit.main() == 0
    before = len(asked)
    assert audit.main() == 0
    assert len(asked) == before
    assert capsys.readouterr().out.count("3 packages, 0 vulnerable") == 2
    Path("lock").write_text(LOCK.replace("15.0.0", "15.0.1"), encoding="utf-8")
    assert audit.main() == 0
    assert len(asked) > before


@pytest.mark.parametrize(
    "said", ["cannot be asked (no network)", [{"name": "rich", "skip_reason": "not found"}]]
)
def test_without_a_service_nothing_is_checked_and_it_says_so(
    said: Any, audit: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[list[str]] = []
    monkeypatch.setattr(audit, "ask", lambda _service, pins: asked.append(pins) or said)
    assert audit.main() == 0
    assert "NOT CHECKED" in capsys.readouterr().out
    assert all(len(pins) == 1 for pins in asked), "one package tells; not all are asked for"
    assert audit.main() == 0
    assert "NOT CHECKED" in capsys.readouterr().out, "that is no answer to keep"
