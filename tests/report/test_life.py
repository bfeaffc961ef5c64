"""Goal: a reader learns from timeline, page and pictures what an account's life was, refusals with
every unmet condition; a run without a life shows none of it.

Method: a made life (`lives`) of two refusals, a switch, a suspended order and an open position.
"""

from __future__ import annotations

import io
import json
import re
import sys
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from rich.console import Console

from simulator.exchange.messages import FundEvent, FundOperation
from simulator.report.account import balances_of, funds_frame
from simulator.report.document import as_json, document
from simulator.report.files import write_files
from simulator.report.page import page
from simulator.report.panels import panels
from simulator.report.states import strip
from simulator.report.timeline import lines
from simulator.report.timeline_text import rich_timeline

sys.path.insert(0, str(Path(__file__).parent))
import lives
import made


def printed(width: int) -> str:
    buffer = io.StringIO()
    table = rich_timeline(lives.life())
    Console(file=buffer, width=width).print(table)
    return buffer.getvalue()


def test_lines_are_in_order_of_time_and_say_who_did_what() -> None:
    told = lines(lives.life())
    assert [line.time_ns for line in told] == sorted(line.time_ns for line in told)
    first = next(line for line in told if line.kind == "step")
    assert (first.actor, first.what) == ("Owner", "applies for the unified mode")
    assert first.result == "REFUSED: CONDITIONS_NOT_MET"
    assert first.refused
    assert [one["name"] for one in first.unmet] == ["NET_ASSETS"]
    remark = told[told.index(first) - 1]
    assert (remark.kind, remark.what) == ("remark", "Too little for one pool.")
    assert [line.result for line in told if line.actor == "venue" and line.kind == "step"] == [
        "UNIFIED"
    ]


def test_deposits_of_the_start_stand_before_everything() -> None:
    at = made.START
    first = lives.event(0, lives.Step.APPLY_FOR_UNIFIED, lives.State.SEPARATED, lives.State.APPLIED)
    paid = FundEvent(at, 1, "venue", FundOperation.DEPOSIT, "USDT", Decimal(60_000), "", "spot")
    events, funds = lives.account_frame([first]), funds_frame([paid])
    told = lines(lives.life(account_events=events, funds=funds))
    assert [line.actor for line in told[:2]] == ["venue", "Owner"]


def test_heading_of_a_short_life_is_one_line() -> None:
    events = lives.account_frame(lives.events()[1:2])
    run = lives.life(account_events=events, funds=funds_frame([]), story=lives.life().story.clear())
    buffer = io.StringIO()
    Console(file=buffer, width=120).print(rich_timeline(run))
    assert "times since 2025-10-09" in buffer.getvalue().splitlines()[0]


def test_refused_order_and_transfer_are_lines() -> None:
    refused = {line.what: line.result for line in lines(lives.life()) if line.refused}
    assert refused["order to buy 0.5 um:BTCUSDT"] == "REFUSED: ACCOUNT_SUSPENDED"
    assert refused["transfers 1.00 USDT from spot to um"] == "REFUSED: ACCOUNT_SUSPENDED"


def test_switch_says_the_wallets_before_and_after_and_how_long_nothing_trades() -> None:
    switch = next(line for line in lines(lives.life()) if "SWITCHING" in line.result)
    assert switch.result.endswith("nothing can be traded until 03:00:00")
    assert switch.details == (
        "1 order canceled",
        "wallets before: spot 100,000.50 USDT; margin 0.25 BTC, owes 0.50000002 BTC; "
        "um 20,000.00 USDT",
        "wallets after: unified 120,000.50 USDT + 0.25 BTC, owes 0.50000002 BTC",
    )


def test_many_orders_become_one_line_an_instrument() -> None:
    fills = made.frame("fills", [
        (made.START + i, "um:BTCUSDT", i, 1, 100.0, 1.0, 0.1, "USDT", "taker", 0.0, "order")
        for i in range(500)
    ])  # fmt: skip
    told = [line for line in lines(lives.life(fills=fills)) if line.kind == "order"]
    assert told[0].what == "500 orders on um:BTCUSDT until 00:00:00"
    assert told[0].result == "filled"


def test_many_transfers_become_one_line() -> None:
    at = made.START + 400 * made.MINUTE
    moved = [
        FundEvent(at + i, 1, "Owner", FundOperation.TRANSFER, "USDT", Decimal(1), "spot", "um")
        for i in range(50)
    ]
    run = lives.life(funds=funds_frame(moved), fills=made.frame("fills", []))
    told = [line for line in lines(run) if line.kind == "funds" and line.actor == "Owner"]
    assert told[-1].what == "50 transfer operations, USDT until 06:40:00"
    assert told[-1].result == "done"


def test_script_without_remarks_and_steps_is_told_too() -> None:
    moved = funds_frame(lives.funds()[:1])
    told = lines(made.made(funds=moved, strategies=("Owner",), fills=made.frame("fills", [])))
    assert told[0].what == "deposits 60,000.00 USDT to spot"
    assert lines(made.made(funds=moved)) == []


def test_pieces_of_an_order_are_one_line_at_their_mean_price() -> None:
    fills = made.frame("fills", [
        (made.START, "um:BTCUSDT", 7, -1, 100.0, 1.0, 0.1, "USDT", "taker", 0.0, "order"),
        (made.START, "um:BTCUSDT", 7, -1, 104.0, 3.0, 0.3, "USDT", "taker", 0.0, "order"),
    ])  # fmt: skip
    sold = next(line for line in lines(lives.life(fills=fills)) if line.kind == "order")
    assert sold.what == "sells 4 um:BTCUSDT"
    assert sold.result == "filled at 103.00, fee 0.40 USDT"


@pytest.mark.parametrize("width", [80, 120])
def test_terminal_shows_each_unmet_condition_within_its_width(width: int) -> None:
    text = printed(width)
    assert max(map(len, text.splitlines())) <= width
    flat = re.sub(r"\s+", " ", text)
    assert "✗ NET_ASSETS: have 60,000.00 USDT, need 100,000.00 USDT" in flat
    assert "✓ 1 other condition met" in flat
    assert "✗ NO_OPEN_POSITIONS: have 1, need none (um:BTCUSDT +0.5)" in flat


def test_run_without_a_life_shows_none() -> None:
    assert lines(made.made()) == []
    assert rich_timeline(made.made()) is None
    assert "Life of the account" not in page([made.made()])
    assert not any(panel.strip.bands for panel in panels(made.both()))


def test_money_from_and_to_outside_is_no_drawdown() -> None:
    at, minute = made.START, made.MINUTE
    equity = [100.0, 99.0, 199.0, 199.0, 99.0, 90.0, 90.0]
    history = made.frame("history", [
        (at + i * minute, "account", value, 1.0, 1.0, None, None)
        for i, value in enumerate(equity)
    ])  # fmt: skip
    moved = [
        FundEvent(at, 1, "venue", FundOperation.DEPOSIT, "USDT", Decimal(100), "", "spot"),
        FundEvent(at + 2 * minute, 1, "O", FundOperation.DEPOSIT, "USDT", Decimal(100), "", "spot"),
        FundEvent(
            at + 3 * minute + 10**9, 1, "O", FundOperation.WITHDRAW, "USDT", Decimal(100), "", ""
        ),
        FundEvent(at + 5 * minute, 1, "O", FundOperation.WITHDRAW, "BTC", Decimal(1), "", "", "X"),
    ]
    run = lives.life(history=history, funds=funds_frame(moved))
    shown = next(panel for panel in panels([run]) if panel.key == "drawdown").series[0].values
    last = (0.99 * 90 / 99 - 1) * 100
    assert shown.tolist() == pytest.approx([0.0, -1.0, -1.0, -1.0, -1.0, last, last])


def test_strip_covers_the_run_without_gaps() -> None:
    run = lives.life()
    shown = strip([made.made(), run])
    assert shown.rows == ("separated",)
    assert [band.state for band in shown.bands] == [
        "SEPARATED", "APPLIED", "AGREED", "SWITCHING_TO_UNIFIED", "UNIFIED",
    ]  # fmt: skip
    assert {item.mode for panel in panels([run]) for item in panel.series} == {""}
    assert shown.bands[0].start_ms == run.start_ns / 1e6
    assert shown.bands[-1].end_ms == run.end_ns / 1e6
    ends = [band.end_ms for band in shown.bands[:-1]]
    assert ends == [band.start_ms for band in shown.bands[1:]]
    assert [one.step for one in shown.refusals] == ["APPLY_FOR_UNIFIED", "REQUEST_SEPARATED"]


def test_page_lists_met_and_unmet_conditions_and_escapes_them() -> None:
    text = page([lives.life()])
    assert "Life of the account" in text
    assert "✓ KYC: have advanced, need advanced" in text
    assert "✗ NET_ASSETS: have 60,000.00 USDT, need 100,000.00 USDT" in text
    assert "switching to unified" in text
    assert "step refused" in text
    hostile = lives.life().story.with_columns(text=pl.lit("<b>x</b>"))
    assert "<b>x</b>" not in page([lives.life(story=hostile)])


def test_files_and_document_keep_the_life_exact(tmp_path: Path) -> None:
    runs = [lives.life(), lives.life("unified")]
    write_files(runs, document(runs), tmp_path, png=True)
    assert (tmp_path / "report.png").read_bytes().startswith(b"\x89PNG")
    again = pl.read_parquet(tmp_path / "separated" / "account_events.parquet")
    assert balances_of(again["balances_after"][3]) == lives.POOL
    events = json.loads(as_json(document(runs)))["runs"][0]["account_events"]
    assert events[0]["conditions"][1]["have"] == "60,000.00 USDT"
    assert events[3]["balances_after"]["unified"]["BTC"] == ["0.25", "0.5", "0.00000002"]
