"""Goal: table, pictures, page, files and document of a run with a population say what its frames
say, also where nobody was liquidated, at 80 columns and with several variants.

Method: made cascades; texts, picture data and written files are looked at.
"""

from __future__ import annotations

import io
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from rich.console import Console

from simulator.cli.shown import show
from simulator.report.cascade_figures import Figures, figures
from simulator.report.cascade_heat import column, heats
from simulator.report.cascade_panels import pictures
from simulator.report.cascade_picture import Picture, label_ends
from simulator.report.cascade_plots import cascade_figure
from simulator.report.cascade_static import grid
from simulator.report.cascade_table import cascade_rows, rich_cascade, told, type_rows
from simulator.report.cascade_words import sentences
from simulator.report.document import document
from simulator.report.files import CASCADE_FRAMES, write_files
from simulator.report.page import page
from simulator.report.result import RunResult
from simulator.report.saved import saved_run

sys.path.insert(0, str(Path(__file__).parent))
import crowds
import made


def shown(results: list[RunResult], width: int) -> str:
    file = io.StringIO()
    Console(file=file, width=width).print(rich_cascade(results, width))
    return file.getvalue()


def nothing() -> RunResult:
    calm = crowds.quiet_market()
    return crowds.run(cascade=calm, quiet=calm)


def figures_of(run: RunResult) -> Figures:
    one = figures(run)
    assert one is not None
    return one


def by_key(results: list[RunResult]) -> dict[str, Picture]:
    return {picture.key: picture for picture in pictures(results)}


@pytest.mark.parametrize("width", [80, 120])
def test_table_fits_the_terminal(width: int) -> None:
    results = crowds.both("own spot") + crowds.both("redemption", 2.0)
    lines = shown(results, width).splitlines()
    assert max(map(len, lines)) <= width
    assert not any("…" in line for line in lines)


def test_table_has_every_figure_of_the_issue() -> None:
    labels = [row.label.strip() for row in cascade_rows(told(crowds.both()))]
    for part in (
        "Accounts liquidated", "Notional liquidated", "Peak minute", "Fall of um:BTCUSDT",
        "amplification", "Insurance fund drawdown", "auto-deleveraged (ADL)",
        "Spot sold for debts", "Bankrupt accounts", "Lost: long retail",
    ):  # fmt: skip
        assert part in labels
    assert "Notional liquidated, " in shown(crowds.both(), 80)


def test_columns_are_variants_and_modes() -> None:
    results = [crowds.run("separated", "a"), crowds.run("separated", "b", 2.0)]
    runs = told(results)
    row = next(row for row in cascade_rows(runs) if row.label == "Accounts liquidated")
    assert row.cells == tuple(f"{one.liquidated:,}" for _, one in runs)
    assert row.differs


def test_sentences_for_a_newcomer() -> None:
    said = sentences(figures_of(crowds.run()), "USDT")
    assert said[0].endswith("14.6 % with liquidations moving the price and 10.8 % without: 1.35 "
                            "times as deep.")  # fmt: skip
    assert "of 100,000 accounts (6.0 %) were liquidated" in said[1]
    assert "auto-deleveraging" in said[2]
    assert said[3].startswith("Hit hardest: long retail lost 42.0 % of what they had")


def test_one_is_told_as_one() -> None:
    calls = crowds.frame("calls", [crowds.call(1, 1, bankrupt=True)])
    closings = crowds.frame("closings", [crowds.closing(1, 5.0)])
    lonely = crowds.made_with(crowds.quiet_market(), calls=calls, closings=closings)
    said = sentences(figures_of(crowds.run(cascade=lonely, quiet=None)), "USDT")
    assert "1 of 10 accounts (10.0 %) was liquidated" in said[1]
    assert said[2].startswith("1 account lost a whole margin pool (1 of them more than that)")


def test_a_coin_that_fell_much_deeper_is_told_too() -> None:
    rows = [
        {"time_ns": crowds.START + i * crowds.MINUTE, "instrument": name, "mark": price,
         "index": price, "reference": price, "displacement": 0.0}
        for name, low in (("um:BTCUSDT", 95.0), ("spot:USDEUSDT", 70.0))
        for i, price in enumerate((100.0, low))
    ]  # fmt: skip
    closings = crowds.frame("closings", [crowds.closing(1, 5.0)])
    calls = crowds.frame("calls", [crowds.call(1, 1)])
    paths = crowds.frame("paths", rows)
    loop = crowds.made_with(crowds.quiet_market(), paths=paths, calls=calls, closings=closings)
    said = sentences(figures_of(crowds.run(cascade=loop, quiet=None)), "USDT")
    assert said[:2] == [
        "um:BTCUSDT fell 5.0 % to its lowest.", "spot:USDEUSDT fell 30.0 % to its lowest."
    ]  # fmt: skip


def test_types_that_were_deleveraged_have_a_row() -> None:
    rows = {row.label: row.cells for row in type_rows([figures_of(crowds.run())])}
    assert list(rows)[:6] == [
        "Lost: long retail", "  liquidated", "Lost: long with alts", "  auto-deleveraged",
        "Lost: basis trader", "Lost: short seller",
    ]  # fmt: skip
    cells = [row.cells for row in type_rows([figures_of(crowds.run())]) if "auto" in row.label]
    assert cells == [("12",), ("24",), ("36",)]


def test_names_of_near_levels_do_not_lie_on_each_other() -> None:
    ends = label_ends({"MARGIN_CALL": 1.5, "REDUCE_ONLY": 1.2, "LIQUIDATION": 1.05})
    assert ends["LIQUIDATION"] == ends["MARGIN_CALL"] == 1.0
    assert ends["REDUCE_ONLY"] < 0.8
    assert set(label_ends({"MARGIN_CALL": 1.5, "LIQUIDATION": 1.0}).values()) == {1.0}


def test_sentences_where_nothing_happened() -> None:
    assert sentences(figures_of(nothing()), "USDT") == [
        "um:BTCUSDT did not fall below its first price.",
        "None of 10 accounts was liquidated.",
    ]
    assert "No minute had a liquidation" in shown([nothing()], 80)


def test_one_row_of_bars_a_run_and_a_scale_for_all() -> None:
    text = shown(crowds.both(), 80)
    bars = [line for line in text.splitlines() if "▁" in line and not line.startswith(" ")]
    assert [line.split()[0] for line in bars] == ["separated", "unified"]
    assert "█" in bars[0]
    assert "█" not in bars[1]


def test_pictures_of_both_modes() -> None:
    found = by_key(crowds.both())
    assert {"price-um:BTCUSDT", "minutes-separated", "minutes-unified", "heat-unified",
            "fan-separated", "displacement-unified", "fund", "losses"} <= set(found)  # fmt: skip
    assert not any(picture.empty for picture in found.values())
    names = [line.name for line in found["price-um:BTCUSDT"].lines]
    assert names.count("without feedback") == 1
    assert {"separated: mark", "unified: mark", "separated: index"} <= set(names)
    assert found["minutes-separated"].values == found["minutes-unified"].values
    assert found["fan-unified"].levels == {"MARGIN_CALL": 1.5, "LIQUIDATION": 1.05}


def test_bars_are_what_the_table_says() -> None:
    run = crowds.run("unified")
    one, bars = figures_of(run), by_key([run])["minutes-unified"].bars
    positions = [item for item in bars if "spot" not in item.name]
    assert sum(np.abs(item.values).sum() for item in positions) == pytest.approx(one.closed)
    up = sum(item.values[item.values > 0].sum() for item in positions)
    assert up == pytest.approx(one.closed_long)


def test_fund_of_two_assets_is_their_sum() -> None:
    rows = [
        {"time_ns": crowds.START + i, "asset": asset, "balance": balance, "price": price,
         "inventory": 0.0}
        for i, (asset, balance, price) in enumerate(
            [("USDT", 10.0, 1.0), ("BTC", 2.0, 100.0), ("USDT", 4.0, 1.0)]
        )
    ]  # fmt: skip
    cascade = crowds.quiet_market()
    run = crowds.run(cascade=crowds.made_with(cascade, fund=crowds.frame("fund", rows)), quiet=None)
    (line,) = by_key([run])["fund"].lines
    assert line.values.tolist() == [10.0, 210.0, 204.0, 204.0]


def test_heat_keeps_its_notional() -> None:
    part = pl.DataFrame({"move": [-0.3, -0.2, -0.1], "notional": [5.0, 7.0, 11.0]})
    edges = np.linspace(50.0, 120.0, 200)
    assert column(part, 100.0, edges).sum() == pytest.approx(23.0)


def test_heat_stands_at_the_price_of_its_instant() -> None:
    rows = [
        {"time_ns": at, "move": move, "side": 1, "notional": notional}
        for at in (0, 10**6)
        for move, notional in ((-0.11, 5.0), (-0.10, 0.0))
    ]
    (one,), (low, high) = heats(
        crowds.frame("heat", rows), np.array([0.0, 1.0]), np.array([100.0, 90.0]), 2.0
    )
    assert one.name == "long"
    assert one.time_ms.tolist() == [0.0, 1.0, 2.0]
    assert low < 80.1 < high
    middle = (one.prices[:-1] + one.prices[1:]) / 2
    at = middle[one.notional.argmax(axis=0)]
    assert abs(at[0] - 89.5) < 1
    assert abs(at[1] - 80.55) < 1


def test_no_heat_no_map() -> None:
    found, _ = heats(crowds.frame("heat", []), np.array([0.0]), np.array([1.0]), 1.0)
    assert found == ()


def test_pictures_of_one_run_stand_in_pairs() -> None:
    rows = grid(pictures(crowds.both()))
    pairs = [[one.key for one in row] for row in rows if len(row) == 2]
    assert ["minutes-separated", "minutes-unified"] in pairs
    assert all(one.run == "" for row in rows if len(row) == 1 for one in row)


@pytest.mark.parametrize("results", [crowds.both(), [nothing()]], ids=["crash", "nothing"])
def test_plotly_draws_every_picture(results: list[RunResult]) -> None:
    for picture in pictures(results):
        if not picture.empty:
            drawn = json.loads(cascade_figure(picture).to_json())
            assert len(drawn["data"]) >= len(picture.lines) + len(picture.bars)


def test_page_has_sentences_table_pictures_and_no_account() -> None:
    text = page(crowds.both())
    assert "What the liquidations did" in text
    assert "1.35 times as deep" in text
    assert "Insurance fund drawdown" in text
    assert "every minute with liquidations" in text
    assert text.count('<script type="application/json"') == len(pictures(crowds.both()))
    assert "Drawdown</h2>" not in text
    assert "default-src 'none'" in text


def test_page_where_nobody_was_liquidated() -> None:
    text = page([nothing()])
    assert "None of 10 accounts was liquidated." in text
    assert "Nobody was liquidated in this run." in text
    assert "USDT without limit, starts at 0" in text


def test_page_shows_the_account_that_trades_too() -> None:
    text = page([crowds.run(strategies=("hedger",))])
    assert "What the liquidations did" in text
    assert "Drawdown</h2>" in text


def test_places_in_the_page_are_each_there_once() -> None:
    results = [
        crowds.run(mode, variant, strategies=("hedger",))
        for variant in ("own spot", "redemption")
        for mode in ("separated", "unified")
    ]
    text = page(results)
    places = [part.split('"')[0] for part in text.split('class="plot" id="')[1:]]
    assert len(places) == len(set(places)) > 10
    assert not any(" " in place for place in places)


def test_names_from_outside_are_escaped() -> None:
    text = page([crowds.run(variant="<i>")])
    assert "<i>" not in text.split("<script>")[0]


@pytest.mark.hours
def test_files_of_variants_and_twins(tmp_path: Path) -> None:
    results = crowds.both("deep")
    write_files(results, document(results), tmp_path, png=True)
    for run in results:
        for name, cascade in (("cascade", run.cascade), ("without_feedback", run.quiet)):
            folder = tmp_path / "deep" / run.mode / name
            for frame in CASCADE_FRAMES:
                again = pl.read_parquet(folder / f"{frame}.parquet")
                assert again.equals(getattr(cascade, frame))
    assert (tmp_path / "report.png").read_bytes().startswith(b"\x89PNG")
    drawn = {path.stem for path in (tmp_path / "png").iterdir()}
    assert {"fund", "losses", "heat-deep-unified", "minutes-deep-separated"} <= drawn
    assert set(saved_run(tmp_path).parts) == {"deep/separated", "deep/unified"}


def test_files_where_nobody_was_liquidated(tmp_path: Path) -> None:
    write_files([nothing()], document([nothing()]), tmp_path, png=True)
    drawn = {path.stem for path in (tmp_path / "png").iterdir()}
    assert "fund" in drawn
    assert "minutes-separated" not in drawn
    assert (tmp_path / "report.png").stat().st_size > 1000


def test_pictures_alone_are_written_and_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    show([nothing()], as_json=True, out=tmp_path, report=False, png=True)
    drawn = len(list((tmp_path / "png").iterdir()))
    assert f"wrote {drawn} pictures in {tmp_path / 'png'}" in capsys.readouterr().err
    assert drawn > 1
    assert not (tmp_path / "report.png").exists()


def test_document_of_runs_with_and_without_population() -> None:
    runs = document(crowds.both("deep"))["runs"]
    assert [run["variant"] for run in runs] == ["deep", "deep"]
    assert runs[0]["cascade"]["liquidated_accounts"] == figures_of(crowds.run()).liquidated
    assert document([made.made()])["runs"][0]["cascade"] is None


# Rises


def test_runs_are_compared_by_falls_unless_all_were_squeezed() -> None:
    eth = pl.col("instrument") == "um:ETHUSDT"
    short = [
        pl.when(eth).then(100 * pl.col("notional")).otherwise("notional").alias("notional"),
        pl.when(eth).then(1).otherwise("side").cast(pl.Int8).alias("side"),
    ]

    upwards = 2 * pl.col("mark").first().over("instrument") - pl.col("mark")
    risen = pl.when(eth).then(upwards).otherwise("mark").alias("mark")

    def squeezed(run: RunResult) -> RunResult:
        assert run.cascade is not None
        closings = run.cascade.closings.with_columns(short)
        paths = run.cascade.paths.with_columns(risen)
        found = replace(run, cascade=replace(run.cascade, closings=closings, paths=paths))
        assert figures_of(found).squeeze is not None
        return found

    runs = [*crowds.both("breaks"), *crowds.both("holds")]
    for squeezes, name in ((runs[1:2], "um:BTCUSDT"), (runs, "um:ETHUSDT")):
        results = [squeezed(run) if any(run is one for one in squeezes) else run for run in runs]
        lines = by_key(results)["compared"].lines
        assert [line.name.split()[-1] for line in lines] == [name] * 4


def test_a_squeeze_is_told_as_a_rise() -> None:
    def risen(high: float) -> pl.DataFrame:
        return crowds.frame("paths", [
            {"time_ns": crowds.START + i * crowds.MINUTE, "instrument": "um:BTCUSDT",
             "mark": mark, "index": mark, "reference": mark, "displacement": 0.0}
            for i, mark in enumerate((100.0, high, 101.0))
        ])  # fmt: skip

    closings = crowds.frame("closings", [crowds.closing(1, 5.0, side=1)])
    calls = crowds.frame("calls", [crowds.call(1, 1)])
    calm = crowds.quiet_market()
    run = crowds.run(
        cascade=crowds.made_with(calm, paths=risen(115.0), closings=closings, calls=calls),
        quiet=crowds.made_with(calm, paths=risen(110.0)),
    )
    said = sentences(figures_of(run), "USDT")
    assert said[0] == (
        "um:BTCUSDT rose 15.0 % with liquidations moving the price and 10.0 % without: "
        "1.50 times as high."
    )
    assert not any("fell" in line for line in said)
    rows = {row.label: row.cells for row in cascade_rows(told([run]))}
    assert rows["Rise of um:BTCUSDT"] == ("15.00",)
    assert "1.50 times as high" in by_key([run])["price-um:BTCUSDT"].note
