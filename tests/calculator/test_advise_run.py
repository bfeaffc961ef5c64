"""Goal: the advice on a run starts from the account that the run held, and reads what it did.

Method: run bundled scenarios; histories are made of small frames, both sides of each edge.
"""

from __future__ import annotations

import json
import shutil
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from simulator import advise, margin
from simulator.calculator.advice_history import LOSS, RUSH_NS, history
from simulator.calculator.advice_wallets import apart
from simulator.calculator.read import read
from simulator.calculator.rules import rules_of
from simulator.cli.main import run_command

pytestmark = pytest.mark.hours


@pytest.fixture(scope="module")
def crash(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("advice") / "crash"
    deposit = ["--deposit", "USDT=200000"]
    assert run_command(["run", "crash", *deposit, "--out", str(folder), "--no-report"]) == 0
    return folder


def test_a_run_that_changed_its_mode_leaves_the_account_of_one(tmp_path: Path) -> None:
    """Unified from the twelfth minute on; then the position grows, so its largest is unified."""
    steps = "".join(
        f'[[life]]\nat = "{at}"\ndo = "{do}"\n{more}\n'
        for at, do, more in (
            (
                "00:00:30",
                "transfer",
                'asset = "USDT"\nquantity = "20000"\nsource = "spot"\ntarget = "um"',
            ),
            ("00:01:00", "buy", 'market = "um:BTCUSDT"\nquantity = "0.2"'),
            ("00:02:00", "apply_unified", ""),
            ("00:03:00", "accept_agreement", ""),
            ("00:04:00", "answer", 'answers = "right"'),
            ("00:12:00", "buy", 'market = "um:BTCUSDT"\nquantity = "0.3"'),
        )
    )
    life = tmp_path / "life.toml"
    life.write_text(
        'title = "Unified from then on"\ndata = ["bundled:calm"]\nmode = "separated"\n'
        'end = "2025-06-11T07:50:00Z"\nrulebook = "textbook"\n[deposits]\nUSDT = "160000"\n'
        f'[profile]\nfutures_trades = 25\nfutures_volume = "250000"\n{steps}'
    )
    folder = tmp_path / "run"
    assert run_command(["run", str(life), "--out", str(folder), "--no-report"]) == 0
    portfolio = json.loads((folder / "separated" / "portfolio.json").read_text())
    assert portfolio["mode"] == "unified"
    assert [one["quantity"] for one in portfolio["positions"]] == ["0.500"]
    advice = advise(folder)
    assert advice.verdict.rule == "one_product"
    assert any("the account was unified" in note for note in advice.notes)


def test_a_hedged_run_hears_what_it_saves_and_spares(crash: Path) -> None:
    advice = advise(crash)
    assert advice.verdict.code == "unified"
    run = json.loads((crash / "run.json").read_text())
    made = {part["mode"]: part["transfers"] for part in run["runs"]}
    assert advice.transfers.counted == made
    assert advice.transfers.saved == made["separated"] - made["unified"] > 0
    held = margin(crash / "separated" / "portfolio.json")
    assert advice.margin.separated.initial_margin == held.total.initial_margin
    reasons = {one.name: one.says for one in advice.verdict.reasons}
    assert f"the run made {made['separated']} separated, 0 unified" in reasons["transfers"]
    assert "History (separated): 20 trades in spot, um, 10 of futures" in reasons["history"]
    assert advice.history.separated.worst_ratio == run["runs"][0]["worst_ratio"]


def test_the_runs_profile_counts_and_another_stands_above_it(crash: Path) -> None:
    facts = {one.name: one for one in advise(crash).eligibility.conditions}
    assert facts["ACCOUNT_AGE"].have == "365 days"
    assert facts["FUTURES_TRADES"].have == "10 in 30 days"
    new = advise(crash, profile={"age_days": 2, "futures_trades": 5})
    assert new.verdict.code == "practise_separated"
    facts = {one.name: one for one in new.eligibility.conditions}
    assert facts["FUTURES_TRADES"].have == "15 in 30 days"


def test_a_unified_run_is_divided_among_wallets_of_equal_strength(
    crash: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "unified-only"
    shutil.copytree(crash, folder)
    run = json.loads((folder / "run.json").read_text())
    run["runs"] = [part for part in run["runs"] if part["mode"] == "unified"]
    (folder / "run.json").write_text(json.dumps(run))
    shutil.rmtree(folder / "separated")
    advice = advise(folder)
    assert advice.transfers.counted == {"unified": 0}
    assert advice.transfers.saved is None
    assert any("divided among separate wallets" in note for note in advice.notes)
    sides = advice.margin
    assert sides.separated.equity == pytest.approx(sides.unified.equity)
    assert sides.separated.initial_margin > 0


def test_dividing_loses_nothing_and_makes_wallets_equal() -> None:
    """Cash 50,000 over um (5,000 needed) and options; coins to the coin-margined pool or spot."""
    document = read(
        {
            "mode": "unified",
            "time": "2026-11-22T00:00:00Z",
            "prices": {"index": {"USDT": 1, "BTC": 50_000, "ETH": 3_000}},
            "volatility": {"BTC": 0.5},
            "balances": {"margin": {"USDT": 50_000, "BTC": 1, "ETH": 4}},
            "positions": [
                {"instrument": "BTCUSDT", "quantity": 1, "entry_price": 48_000},
                {"instrument": "ETHUSD_PERP", "quantity": -100},
                {"instrument": "BTC-261225-50000-C", "quantity": -1},
            ],
        }
    )
    made = apart(document, rules_of(document, "separated"), [])
    wallets = made.balances
    # The textbook's USD-M positions are isolated: the cash for futures stands in their wallets.
    own = made.positions[0].isolated_wallet
    assert "USDT" not in wallets.um
    assert own + wallets.options["USDT"].asset == pytest.approx(Decimal(50_000))
    assert [one.isolated_wallet for one in made.positions[1:]] == [None, None]
    assert wallets.cm["ETH"].asset == 4
    assert wallets.spot["BTC"].asset == 1
    assert margin(made, mode="unified").total == pytest.approx(
        margin(document, mode="unified").total
    )
    pools = {pool.pool: pool for pool in margin(made, mode="separated").pools}
    strength = [pools[name].equity_over_maintenance for name in ("um:BTCUSDT", "options")]
    assert strength[0] == pytest.approx(strength[1])


@pytest.mark.parametrize(
    ("rulebook", "pools", "saves"),
    [("textbook", {"um:BTCUSDT", "um:ETHUSDT"}, True), ("binance", {"um"}, False)],
)
def test_legs_of_a_hedge_are_apart_where_separate_positions_are_isolated(
    rulebook: str, pools: set[str], saves: bool
) -> None:
    """The lesson's hedge: 8,000 apart, 6,000 in one pool; where cross is the default, no less."""
    document = read(
        {
            "mode": "unified",
            "rulebook": rulebook,
            "prices": {"index": {"USDT": 1, "BTC": 50_000, "ETH": 3_000}},
            "balances": {"margin": {"USDT": 120_000}},
            "positions": [
                {"instrument": "BTCUSDT", "quantity": 1},
                {"instrument": "ETHUSDT", "quantity": -10},
            ],
        }
    )
    made = apart(document, rules_of(document, "separated"), [])
    apart_ = margin(made, mode="separated")
    assert {pool.pool for pool in apart_.pools} == pools
    assert apart_.total.equity == pytest.approx(120_000)
    together = margin(document, mode="unified").total.initial_margin
    assert (apart_.total.initial_margin > together + 1) is saves
    if rulebook == "textbook":
        assert (apart_.total.initial_margin, together) == (8_000, 6_000)


def test_both_sides_of_a_contract_are_isolated_each() -> None:
    document = read(
        {
            "mode": "unified",
            "prices": {"index": {"USDT": 1, "BTC": 50_000}},
            "balances": {"margin": {"USDT": 30_000}},
            "positions": [
                {"instrument": "BTCUSDT", "quantity": 2},
                {"instrument": "BTCUSDT", "quantity": -1},
            ],
        }
    )
    made = apart(document, rules_of(document, "separated"), [])
    assert [one.isolated_wallet for one in made.positions] == [20_000, 10_000]


def test_what_is_owed_stays_in_margin_when_divided() -> None:
    document = read(
        {
            "mode": "unified",
            "prices": {"index": {"USDT": 1, "BTC": 50_000, "ETH": 3_000}},
            "balances": {"margin": {"USDT": 60_000, "BTC": 1, "ETH": {"asset": 0, "loan": 5}}},
            "positions": [{"instrument": "BTCUSDT", "quantity": 1}],
        }
    )
    made = apart(document, rules_of(document, "separated"), [])
    assert made.balances.margin["ETH"].loan == 5
    assert made.balances.margin["BTC"].asset == 1
    own = made.positions[0].isolated_wallet
    assert own + made.balances.margin["USDT"].asset == pytest.approx(Decimal(60_000))


PART = {
    "mode": "separated", "start_ns": 0, "end_ns": 86_400 * 10**9, "orders": 0, "transfers": 0,
    "liquidations": 0, "start_equity": 100_000.0, "end_equity": 100_000.0, "worst_ratio": None,
}  # fmt: skip
S = 10**9

# time (s), instrument, order, price, quantity, realized_pnl, reason
LOSING = -LOSS * 100_000
Row = tuple[float, str, int, float, float, float, str]
TRADES: list[tuple[str, list[Row], tuple[int, ...]]] = [
    ("opened at the last moment", [
        (0, "um:BTCUSDT", 1, 5e4, 1, 0, "order"), (10, "um:BTCUSDT", 2, 5e4, 1, LOSING, "order"),
        (10 + RUSH_NS / S, "um:BTCUSDT", 3, 5e4, 1, 0, "order")], (1, 2, 1)),
    ("opened later", [
        (10, "um:BTCUSDT", 2, 5e4, 1, LOSING, "order"),
        (10 + RUSH_NS / S + 1e-9, "um:BTCUSDT", 3, 5e4, 1, 0, "order")], (1, 1, 0)),
    ("opened at the same instant", [
        (10, "um:BTCUSDT", 2, 5e4, 1, LOSING, "order"),
        (10, "um:BTCUSDT", 3, 5e4, 1, 0, "order")], (1, 1, 0)),
    ("a loss too small", [
        (10, "um:BTCUSDT", 2, 5e4, 1, LOSING + 0.01, "order"),
        (11, "um:BTCUSDT", 3, 5e4, 1, 0, "order")], (0, 1, 0)),
    ("a loss in two fills", [
        (10, "um:BTCUSDT", 2, 5e4, 1, LOSING / 2, "order"),
        (11, "um:BTCUSDT", 2, 5e4, 1, LOSING / 2, "order"),
        (12, "um:BTCUSDT", 3, 5e4, 1, 0, "order")], (1, 1, 1)),
    ("a loss in coin", [
        (10, "cm:BTCUSD_PERP", 2, 5e4, 1, LOSING / 5e4, "order"),
        (11, "cm:BTCUSD_PERP", 3, 5e4, 1, 0, "order")], (1, 1, 1)),
    ("closing is no opening", [
        (10, "um:BTCUSDT", 2, 5e4, 1, LOSING, "order"),
        (11, "um:BTCUSDT", 3, 5e4, 1, -1, "order")], (1, 0, 0)),
    ("spot opens nothing", [
        (10, "um:BTCUSDT", 2, 5e4, 1, LOSING, "order"),
        (11, "spot:BTCUSDT", 3, 5e4, 1, 0, "order")], (1, 0, 0)),
    ("a liquidation is a loss, and opens nothing", [
        (10, "um:BTCUSDT", 7, 5e4, 1, LOSING, "liquidation"),
        (10, "um:ETHUSDT", 8, 3e3, 1, 0, "liquidation"),
        (11, "um:BTCUSDT", 3, 5e4, 1, 0, "order")], (1, 1, 1)),
    ("nothing", [], (0, 0, 0)),
]  # fmt: skip


def written(folder: Path, trades: list[Any], levels: list[tuple[str, str]] = []) -> Path:  # noqa: B006
    folder.mkdir(parents=True, exist_ok=True)
    pl.DataFrame(
        [(round(t * S), i, o, 1, p, q, pnl, why) for t, i, o, p, q, pnl, why in trades],
        schema={
            "time_ns": pl.Int64, "instrument": pl.String, "order": pl.Int64, "side": pl.Int64,
            "price": pl.Float64, "quantity": pl.Float64, "realized_pnl": pl.Float64,
            "reason": pl.String,
        },
        orient="row",
    ).write_parquet(folder / "fills.parquet")  # fmt: skip
    pl.DataFrame(
        levels, schema={"pool": pl.String, "level": pl.String}, orient="row"
    ).write_parquet(folder / "history.parquet")
    return folder


@pytest.mark.parametrize(("said", "trades", "counts"), TRADES, ids=[row[0] for row in TRADES])
def test_positions_opened_right_after_losses(
    said: str, trades: list[Any], counts: tuple[int, ...], tmp_path: Path
) -> None:
    made = history(written(tmp_path / "separated", trades), PART)
    assert (made.losses, made.opened, made.after_loss) == counts


def test_what_an_account_traded(tmp_path: Path) -> None:
    trades = [
        (0, "spot:BTCUSDT", 1, 50_000.0, 0.5, 0.0, "order"),
        (1, "um:BTCUSDT", 2, 50_000.0, 0.5, 0.0, "order"),
        (1, "um:BTCUSDT", 2, 50_010.0, 0.5, 0.0, "order"),
        (2, "cm:BTCUSD_PERP", 3, 50_000.0, 7.0, 0.0, "order"),
        (3, "cm:ETHUSD_PERP", 4, 3_000.0, 7.0, 0.0, "order"),
        (4, "um:BTCUSDT", 9, 50_000.0, 1.0, -5.0, "liquidation"),
    ]
    levels = [("um", name) for name in ("NORMAL", "MARGIN_CALL", "LIQUIDATION", "NORMAL")]
    levels += [("cm:BTC", name) for name in ("MARGIN_CALL", "NORMAL", "MARGIN_CALL")]
    made = history(written(tmp_path / "separated", trades, levels), PART)
    assert made.products == ("spot", "um", "cm")
    assert (made.trades, made.futures_trades) == (4, 3)
    assert made.futures_volume == Decimal("25000") + Decimal("25005") + 700 + 70
    assert made.margin_calls == 3
    assert made.days == 1


def test_an_account_that_trades_right_after_losses_is_told_to_cool_off(
    crash: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "rushed"
    shutil.copytree(crash, folder)
    trades: list[Any] = []
    for number in range(4):
        at = 1_000.0 * number
        trades += [(at, "um:BTCUSDT", 10 * number + 1, 5e4, 1, 3 * LOSING, "order")]
        trades += [(at + 60, "um:BTCUSDT", 10 * number + 2, 5e4, 1, 0.0, "order")]
    written(folder / "separated", trades)
    (hint,) = [one for one in advise(folder).verdict.hints if "Cool off" in one]
    assert "4 of 4 positions (100.0 %) were opened within 5 minutes after one of 4" in hint
    assert not [one for one in advise(crash).verdict.hints if "Cool off" in one]


def test_a_liquidated_account_practises_first(crash: Path, tmp_path: Path) -> None:
    folder = tmp_path / "liquidated"
    shutil.copytree(crash, folder)
    run = json.loads((folder / "run.json").read_text())
    run["runs"][0]["liquidations"] = 2
    (folder / "run.json").write_text(json.dumps(run))
    advice = advise(folder)
    assert advice.verdict.code == "practise_separated"
    assert "liquidations 2 (asked: none)" in advice.verdict.says
