"""Goal: a report says what the result says, also where a run left nothing,
and loads nothing from afar.

Method: a made result; table rows, JSON keys, HTML text and written files are looked at.
"""

from __future__ import annotations

import json
import re
import sys
from decimal import Decimal
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from simulator.report.document import as_json, document
from simulator.report.downsample import extremes
from simulator.report.files import write_files
from simulator.report.page import page
from simulator.report.panels import panels
from simulator.report.table import rows
from simulator.report.values import amount, finite, signed

sys.path.insert(0, str(Path(__file__).parent))
import made


def test_table_marks_what_differs() -> None:
    found = {row.label.strip(): row for row in rows(made.both())}
    assert found["End equity"].cells == ("99,880.50", "100,030.00")
    assert found["End equity"].differs
    assert not found["Start equity"].differs
    assert found["PnL: total"].cells == ("-119.50", "+30.00")
    assert found["INSUFFICIENT_MARGIN"].cells == ("2", "0")
    assert not found["Digest"].differs


def test_document_holds_the_table_per_mode() -> None:
    runs = json.loads(as_json(document(made.both())))["runs"]
    assert [run["mode"] for run in runs] == ["separated", "unified"]
    assert runs[0]["pnl"] == {"price": -150.0, "fees": -20.0, "funding": 50.5}
    assert runs[0]["worst_ratio"] == 0.97
    assert runs[1]["liquidations"] == 0
    assert runs[0]["events_per_second"] == 2_469_134


def test_empty_run_is_written(tmp_path: Path) -> None:
    results = [made.empty()]
    text = as_json(document(results))
    assert json.loads(text)["runs"][0]["worst_ratio"] is None
    assert json.loads(text)["runs"][0]["events_per_second"] is None
    write_files(results, document(results), tmp_path, png=True)
    assert "Nothing to draw" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert pl.read_parquet(tmp_path / "separated" / "fills.parquet").height == 0


def test_page_is_self_contained(tmp_path: Path) -> None:
    text = page(made.both())
    assert len(text.encode()) < 6_000_000
    assert not re.search(
        r"<(script|link|img|iframe)\b[^>]*\b(src|href)\s*=", text.split("<script>")[0]
    )
    assert "<script src" not in text
    assert "default-src 'none'" in text
    assert text.count('<script type="application/json"') == len(panels(made.both()))
    assert "plotly.js v" in text


def test_text_from_outside_is_escaped() -> None:
    text = page([made.made(scenario="<b>x</b>", notes=("</script><i>",))])
    assert "<b>x</b>" not in text
    assert "</script><i>" not in text


def test_files_of_both_modes(tmp_path: Path) -> None:
    results = made.both()
    write_files(results, document(results), tmp_path, report=False)
    assert not (tmp_path / "report.html").exists()
    for run in results:
        again = pl.read_parquet(tmp_path / run.mode / "history.parquet")
        assert again.equals(run.history)
    write_files(results, document(results), tmp_path)
    assert (tmp_path / "report.png").read_bytes().startswith(b"\x89PNG")


def test_unit_and_title_on_every_panel() -> None:
    for panel in panels(made.both()):
        assert panel.axis
        assert panel.title


def test_separate_pools_add_up_to_equity() -> None:
    history = made.frame("history", [
        (1_000_000, "um", 10.0, 1.0, 1.0, 10.0, "NORMAL"),
        (2_000_000, "cm", 5.0, 1.0, 1.0, 5.0, "NORMAL"),
        (3_000_000, "um", 7.0, 1.0, 1.0, 7.0, "NORMAL"),
    ])  # fmt: skip
    shown = {panel.key: panel for panel in panels([made.made(history=history)])}
    assert shown["equity"].series[0].values.tolist() == [10.0, 15.0, 12.0]
    assert shown["ratio"].series[0].values.tolist() == [10.0, 5.0, 5.0]


def test_extremes_survive_thinning() -> None:
    values = np.zeros(100_000)
    values[31_415], values[27_182] = 9.0, -9.0
    keep = extremes(values, 100)
    assert keep.size <= 100
    assert {0, 27_182, 31_415, 99_999} <= set(keep.tolist())


@pytest.mark.parametrize("value", [None, float("nan"), float("inf"), Decimal("NaN")])
def test_missing_figures(value: float | Decimal | None) -> None:
    assert finite(value) is None
    assert amount(value) == signed(value) == "–"


def test_figures_are_written_alike() -> None:
    assert amount(Decimal("-1234.5")) == "-1,234.50"
    assert signed(0.001) == "0.00"
