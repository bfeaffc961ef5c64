"""Goal: a folder that is no run, or a broken one, is one clear line whichever command reads it.

Method: write a made life, break one of its files, and read it back.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from simulator.cli.main import run_command
from simulator.report.document import document
from simulator.report.files import write_files

sys.path.insert(0, str(Path(__file__).parent.parent / "report"))
import lives

READ = {"advise": "fills", "audit": "account_events"}
"""A frame that each command reads."""


def frame(run: Path, command: str) -> Path:
    return run / "separated" / f"{READ[command]}.parquet"


def without_a_column(run: Path, command: str) -> None:
    pl.read_parquet(frame(run, command)).drop("balances_before").write_parquet(frame(run, command))


BROKEN: list[tuple[str, tuple[str, ...], Callable[[Path, str], object], str]] = [
    ("no run", ("advise", "audit"), lambda run, _: (run / "run.json").unlink(),
     "no run here (no run.json); write one with --out"),
    ("not JSON", ("advise", "audit"), lambda run, _: (run / "run.json").write_text("{"),
     "run.json: cannot be read"),
    ("another document", ("advise", "audit"),
     lambda run, _: (run / "run.json").write_text('{"hello": 1}'),
     "run.json: not written by this program: no 'runs'"),
    ("a list", ("advise", "audit"), lambda run, _: (run / "run.json").write_text("[]"),
     "run.json: not written by this program"),
    ("no runs", ("advise", "audit"),
     lambda run, _: (run / "run.json").write_text('{"runs": [], "rulebook": "textbook"}'),
     "run.json: not written by this program: no run in it"),
    ("no frame", ("advise", "audit"), lambda run, command: frame(run, command).unlink(),
     ".parquet: missing; run again with --out"),
    ("a frame that is none", ("advise", "audit"),
     lambda run, command: frame(run, command).write_text("nothing"),
     ".parquet: cannot be read; run again with --out"),
    ("a column missing", ("audit",), without_a_column, "column balances_before is missing"),
    ("no portfolio", ("advise",), lambda run, _: (run / "separated/portfolio.json").unlink(),
     "portfolio.json: missing; run again with --out"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("command", "breaks", "message"),
    [(command, breaks, said) for _, commands, breaks, said in BROKEN for command in commands],
    ids=[f"{name}-{command}" for name, commands, *_ in BROKEN for command in commands],
)
def test_a_broken_run_is_one_line(
    command: str,
    breaks: Callable[[Path, str], object],
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    results = [lives.life()]
    write_files(results, document(results), tmp_path, report=False)
    (tmp_path / "separated" / "portfolio.json").write_text(json.dumps({"mode": "separated"}))
    breaks(tmp_path, command)
    assert run_command([command, str(tmp_path)]) == 2
    told = capsys.readouterr()
    (line,) = told.err.splitlines()
    assert message in line
    assert told.out == ""
