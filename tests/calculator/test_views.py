"""Goal: what-ifs, comparisons and pictures show the report's own figures, moved as said.

Method: move documents whose figures can be had by hand; read the picture's data and its file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from simulator import InputError, margin
from simulator.calculator.compare import compare
from simulator.calculator.figures import Figures
from simulator.calculator.read import parse, read
from simulator.calculator.surface import _beyond, _names, _range, draw, surface
from simulator.calculator.what_if import moved
from simulator.calculator.what_if import parse as parse_moves
from tests.house.tree import ROOT

LESSON = ROOT / "docs" / "examples" / "lesson-um.yaml"

OPTION = "BTC-261225-50000-C"
BOOK: dict[str, Any] = {
    "rulebook": "textbook",
    "time": "2026-11-22T00:00:00Z",
    "prices": {
        "index": {"USDT": 1, "BTC": 50000},
        "mark": {"BTCUSDT": 50100, "BTCUSDT_261225": 50500, OPTION: 3300},
    },
    "balances": {"um": {"USDT": 20000}},
    "positions": [
        {"instrument": "BTCUSDT", "quantity": 1},
        {"instrument": "BTCUSDT_261225", "quantity": -1},
        {"instrument": OPTION, "quantity": -1},
    ],
}


def after(text: str) -> Any:
    return moved(parse(BOOK, "document"), parse_moves(text))


def test_index_and_marks_of_an_underlying_move_together() -> None:
    prices = after("BTC=-10%").prices
    assert prices.index["BTC"] == 45000
    assert (prices.mark["BTCUSDT"], prices.mark["BTCUSDT_261225"]) == (45090, 45450)
    assert prices.mark[OPTION] < 3300 - 2000


def test_absolute_price_is_the_index() -> None:
    assert after("BTC=45000") == after("BTC=-10%")


def test_one_mark_alone() -> None:
    prices = after("BTCUSDT=51000").prices
    assert (prices.mark["BTCUSDT"], prices.index["BTC"], prices.mark[OPTION]) == (
        51000,
        50000,
        3300,
    )


def test_options_follow_volatility_and_time() -> None:
    assert after("vol=+30%").prices.mark[OPTION] > 3300 > after("+7d").prices.mark[OPTION]
    assert after("vol=0.9").volatility[OPTION] == after("vol=+0%,vol=0.9").volatility[OPTION]
    assert after("+7d").time == after("+168h").time


def test_a_move_of_nothing_changes_nothing() -> None:
    same = margin(after("BTC=+0%,vol=+0%"))
    before = margin(BOOK)
    assert same.pools[0].initial_margin == pytest.approx(before.pools[0].initial_margin)
    assert same.pools[0].equity == before.pools[0].equity


def test_correlation_of_one_pair_and_of_all() -> None:
    lesson = read(LESSON)
    for text in ("corr=0", "BTC/ETH=0", "ETH/BTC=0"):
        report = margin(moved(lesson, parse_moves(text)))
        assert report.total.initial_margin == pytest.approx(8000)


WRONG = [
    ("BTC", "write it as BTC=-10%"),
    ("BTX=-10%", "no such asset or instrument (did you mean 'BTC'?)"),
    ("BTC=-100%", "leaves no price above 0"),
    ("BTC=0", "leaves no price above 0"),
    ("corr=2", "a correlation lies from -1 to 1"),
    ("BTC/SOL=0.5", "the document has no such assets"),
    ("BTC=1e400", "must be 0 or of a size from"),
]


@pytest.mark.parametrize(("text", "message"), WRONG, ids=[text for text, _ in WRONG])
def test_wrong_moves_are_refused(text: str, message: str) -> None:
    with pytest.raises(InputError) as raised:
        after(text)
    assert message in str(raised.value)


def test_past_expiry_is_refused() -> None:
    with pytest.raises(InputError, match="expired 2026-12-25"):
        margin(after("+60d"))


def test_time_does_not_move_without_one() -> None:
    with pytest.raises(InputError, match="time can only move where the document gives it"):
        moved(read(LESSON), parse_moves("+1d"))


def test_comparison_has_a_column_a_regime() -> None:
    columns = compare(read(LESSON), ["separated", "unified"], ["textbook", "binance"])
    assert [(c.mode, c.rulebook) for c in columns] == [
        ("separated", "textbook"),
        ("unified", "textbook"),
        ("separated", "binance"),
        ("unified", "binance"),
    ]
    for column in columns:
        assert column.report == margin(LESSON, mode=column.mode, rulebook=column.rulebook)


def test_a_regime_that_cannot_compute_says_why() -> None:
    document = parse(
        {"prices": {"index": {"FOO": 5}}, "positions": [{"instrument": "FOOUSDT", "quantity": 1}]},
        "document",
    )
    textbook, binance = compare(document, ["unified"], ["textbook", "binance"])
    assert textbook.report is not None
    assert textbook.error is None
    assert binance.report is None
    assert "no brackets for FOOUSDT" in binance.error
    with pytest.raises(InputError, match="no brackets"):
        compare(document, ["unified"], ["binance"])
    with pytest.raises(InputError, match="--compare 'together'"):
        compare(document, ["together"], ["textbook"])


def test_surface_meets_the_threshold_where_the_report_says(tmp_path: Path) -> None:
    made = surface(read(LESSON), "BTC", span="20%")
    (pool,) = made.pools
    middle = len(made.price) // 2
    assert (made.price[middle], pool.ratio[middle]) == (50000, 1.5)
    # BTC has one instrument, whose mark moves with the index: the report's liquidation price.
    report = margin(LESSON)
    assert pool.liquidation == [pytest.approx(report.pools[0].positions[0].liquidation_price)]
    assert pool.thresholds == {"MARGIN_CALL": 1.5, "LIQUIDATION": 1.0}
    png, html = tmp_path / "ratio.png", tmp_path / "ratio.html"
    draw(made, png)
    draw(made, html)
    assert png.read_bytes().startswith(b"\x89PNG")
    assert "liquidation 47,857.14" in html.read_text(encoding="utf-8")


def test_pictures_of_pools_near_and_far_from_liquidation(tmp_path: Path) -> None:
    made = surface(read(ROOT / "docs" / "examples" / "all-products.yaml"), "BTC", span="40%")
    assert len(made.pools) == 5
    for name in ("far.png", "far.html"):
        draw(made, tmp_path / name)
        assert (tmp_path / name).stat().st_size > 10_000


def test_what_lies_beyond_the_picture_is_drawn_along_its_edge(tmp_path: Path) -> None:
    """Spot that covers a short needs nothing now, so there is no ratio in the middle."""
    lists = {"equity": [-1.0, 50.0, 900.0, 900.0], "ratio": [None, 2.0, 4000.0, None]}
    pool = Figures(lists, thresholds={"LIQUIDATION": 1.05, "REDUCE_ONLY": 1.2, "MARGIN_CALL": 9.0})
    low, top, logarithmic = _range(Figures(pool, ratio=[4000.0, 2.0, None, None]))
    assert logarithmic
    assert (low < 1.05, top > 2 * 9) == (True, True)
    above, below = _beyond(pool, 0.5, 100.0)
    assert [value == 100.0 for value in above] == [False, False, True, True]
    assert [value == 0.5 for value in below] == [True, False, False, False]
    # Two thresholds at nearly the same height have their names side by side.
    names = _names(pool, 0.5, 100.0, True)
    assert names == [("LIQUIDATION", 1.05, 0), ("REDUCE_ONLY", 1.2, 1), ("MARGIN_CALL", 9.0, 0)]

    covered = parse(
        {
            "rulebook": "textbook",
            "time": "2026-11-22T00:00:00Z",
            "prices": {"index": {"BTC": 50000}},
            "volatility": {"BTC": "0.5"},
            "balances": {"spot": {"BTC": 1}, "um": {"USDT": 500}},
            "positions": [
                {"instrument": "BTCUSDT", "quantity": -1},
                {"instrument": "BTC-261127-60000-P", "quantity": "0.01"},
            ],
        },
        "covered",
    )
    made = surface(covered, "BTC")
    for ending in ("png", "html"):
        draw(made, tmp_path / f"covered.{ending}")
        assert (tmp_path / f"covered.{ending}").stat().st_size > 10_000


def test_surface_refuses_what_it_cannot_draw(tmp_path: Path) -> None:
    lesson = read(LESSON)
    with pytest.raises(InputError, match="no such asset; it has USDT, BTC, ETH"):
        surface(lesson, "SOL")
    with pytest.raises(InputError, match="--span 'wide'"):
        surface(lesson, "BTC", span="wide")
    made = surface(lesson, "BTC", span="5%")
    with pytest.raises(InputError, match=r"must end in \.png or \.html"):
        draw(made, tmp_path / "ratio.gif")
    with pytest.raises(InputError, match="no such folder"):
        draw(made, tmp_path / "nowhere" / "ratio.png")


def test_a_position_without_entry_price_loses_from_its_mark() -> None:
    """Entered at the mark before the move, so the move is its profit or loss."""
    bare: dict[str, Any] = {
        "prices": {"index": {"USDT": 1, "BTC": 50_000}},
        "balances": {"um": {"USDT": 20_000}},
        "positions": [{"instrument": "BTCUSDT", "quantity": 1}],
    }
    after = margin(moved(read(bare), parse_moves("BTC=-10%")))
    assert after.total.equity == 15_000
    entered = {**bare, "positions": [{**bare["positions"][0], "entry_price": 50_000}]}
    assert margin(moved(read(entered), parse_moves("BTC=-10%"))).total == after.total
