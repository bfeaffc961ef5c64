"""Goal: published examples come out to their published digits.

Method: each is a portfolio document in ``worked_examples.toml`` with its source and quote; the
report's figures are compared, through the function and, for one of them, through the command line.
"""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from simulator import margin
from simulator.cli.main import run_command

EXAMPLES: list[dict[str, Any]] = tomllib.loads(
    (Path(__file__).parent / "worked_examples.toml").read_text(encoding="utf-8")
)["example"]


def figure(report: Any, path: str) -> float:
    """Return a figure by its path, see the head of ``worked_examples.toml``."""
    name, *rest = path.split("/")
    pool = next(pool for pool in report["pools"] if pool["pool"] == name)
    if rest[0] == "assets":
        row = next(row for row in pool["assets"] if row["asset"] == rest[1])
        return float(row[rest[2]])
    if rest[0] == "components":
        return float(pool["components"][rest[1]])
    if len(rest) == 1:
        return float(pool[rest[0]])
    row = next(row for row in pool["positions"] if row["instrument"] == rest[0])
    return float(row[rest[1]])


@pytest.mark.parametrize("example", EXAMPLES, ids=[example["id"] for example in EXAMPLES])
def test_published_digits(example: dict[str, Any]) -> None:
    report = margin(example["document"])
    for expected in example["expect"]:
        found, wanted = figure(report, expected["at"]), float(expected["value"])
        within = float(expected["within"]) or abs(wanted) * 1e-15
        assert abs(found - wanted) <= within, f"{expected['at']}: {found} for {example['quote']}"


def test_every_example_is_quoted() -> None:
    assert all(example["source"] and example["quote"] for example in EXAMPLES)
    assert len({example["id"] for example in EXAMPLES}) == len(EXAMPLES)


def test_through_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    example = EXAMPLES[0]
    path = tmp_path / "document.yaml"
    path.write_text(example["document"], encoding="utf-8")
    assert run_command(["margin", str(path), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == margin(example["document"])
    assert figure(printed, "um/BTCUSDT/liquidation_price") == pytest.approx(11383.99, abs=0.01)
