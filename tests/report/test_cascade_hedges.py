"""Goal: pictures of hedges show what forced closings left open, what a credit takes off the margin,
and the book of a collateral beside its index.

Method: made frames of a few rows; the data of pictures are looked at.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from simulator.report.cascade_panels import pictures
from simulator.report.cascade_picture import Picture
from simulator.report.cascade_plots import cascade_figure
from simulator.report.result import RunResult

sys.path.insert(0, str(Path(__file__).parent))
import crowds


def by_key(results: list[RunResult]) -> dict[str, Picture]:
    return {picture.key: picture for picture in pictures(results)}


def hedged(credit: float = 0.0, closed_at: float = 20.0, **changes: Any) -> RunResult:
    """Return a run with one hedged account, its short closed against it at a minute."""
    rows = crowds.hedge(credit=credit, closed_at=closed_at)
    frames = {name: crowds.frame(name, part) for name, part in rows.items()}
    closings = [crowds.closing(20, 100.0, account=7, stage="counterparty", side=1, price=60_000.0)]
    if credit:
        frames["correlations"] = crowds.frame("correlations", [
            {"time_ns": crowds.START + i * crowds.MINUTE, "one": "BTC", "other": "ETH",
             "correlation": value, "credit": share}
            for i, (value, share) in enumerate([(None, 1.0), (0.9, 1.0), (0.2, 0.25)])
        ])  # fmt: skip
    frames["closings"] = crowds.frame("closings", closings)
    return crowds.run(
        cascade=crowds.made_with(crowds.quiet_market(), **frames), quiet=None, **changes
    )


def test_a_hedge_that_was_opened_has_its_legs_drawn_and_the_moment_marked() -> None:
    drawn = by_key([hedged()])["legs-separated"]
    net, *legs = drawn.lines
    assert [line.name for line in legs] == ["um:BTCUSDT position", "BTC coins"]
    assert net.values.tolist()[:10] == [0.0] * 10
    assert set(net.values.tolist()[10:]) == {100.0}
    (moment,) = drawn.moments
    assert moment.name.startswith("auto-deleveraged ")
    assert moment.time_ms == (crowds.START + 20 * crowds.MINUTE) / 1e6
    assert "correlation" not in by_key([hedged()])


def test_a_hedge_that_nobody_closed_has_no_picture() -> None:
    assert not [key for key in by_key([hedged(closed_at=99.0)]) if key.startswith("legs")]


def test_a_credit_is_drawn_as_what_is_missing_in_the_requirement() -> None:
    found = by_key([hedged(credit=5.0)])
    for key in ("need-separated", "margin-separated"):
        (band,) = found[key].bands
        assert set(band.low.tolist()) == {15.0}
        assert set(band.high.tolist()) == {20.0}
    correlation, share = found["correlation"].lines
    assert correlation.values.tolist() == [0.9, 0.2]
    assert share.values.tolist() == [1.0, 1.0, 0.25]
    json.loads(cascade_figure(found["margin-separated"]).to_json())


def test_no_credit_is_listed_where_there_is_none() -> None:
    """Pools of one position each have none, beside a run in the other mode that has one."""
    found = by_key([hedged(variant="apart"), hedged(credit=5.0, variant="together")])
    for kind in ("need", "margin"):
        apart, together = (found[f"{kind}-{name}-separated"] for name in ("apart", "together"))
        assert not apart.bands
        assert "without the credit" not in {line.name for line in apart.lines}
        assert "no credit" in apart.note
        assert [band.name for band in together.bands] == ["credit"]
        assert "no credit" not in together.note


def test_a_coin_has_book_and_index_of_every_variant_where_they_parted() -> None:
    def variant(name: str, index: float) -> RunResult:
        paths = [
            {"time_ns": crowds.START + i * crowds.MINUTE, "instrument": "spot:USDEUSDT",
             "mark": None, "index": index, "reference": 1.0, "displacement": moved}
            for i, moved in enumerate((0.0, -0.3))
        ]  # fmt: skip
        sold = crowds.closing(1, 5.0, stage="spot", instrument="spot:USDEUSDT")
        one = crowds.made_with(
            crowds.quiet_market(),
            paths=crowds.frame("paths", paths), closings=crowds.frame("closings", [sold]),
        )  # fmt: skip
        return crowds.run(cascade=one, quiet=None, variant=name)

    both = [variant("own book", 0.99), variant("redemption", 1.0)]
    drawn = by_key(both)["coin-spot:USDEUSDT"]
    assert [line.name for line in drawn.lines] == [
        "own book: its book", "own book: index", "redemption: its book", "redemption: index",
    ]  # fmt: skip
    assert drawn.lines[0].values[-1] == pytest.approx(0.7)
    assert "coin-spot:USDEUSDT" not in by_key(both[:1])
