"""Goal: every strategy runs on real recordings, where a market may have no price at first.

Method: minutes of Binance's streams, both modes; bars and windows short enough to trade in them.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator import Strategy
from strategies.btc_eth_pair import BtcEthPair
from strategies.cash_and_carry import CashAndCarry
from strategies.grid import Grid
from strategies.market_maker import MarketMaker
from strategies.trend_follower import TrendFollower
from tests.strategies.runs import MODES, run

MADE = {
    "carry of BTC": lambda: CashAndCarry(unwind_after=120.0),
    "carry of ETH": lambda: CashAndCarry(instrument="ETHUSDT", size=5.0),
    "pair": lambda: BtcEthPair(every=1.0, window=30),
    "maker": lambda: MarketMaker(spread=1.0),
    "grid": lambda: Grid(step=1.0),
    "trend": lambda: TrendFollower(bar=2.0),
}


@pytest.fixture(scope="module")
def recording(shared_data: Path) -> list[Path]:
    """Spot, UM and CM of BTC and ETH, one evening."""
    folder = shared_data / "binance_streams_raw"
    files = [
        folder / market / f"{symbol}_20240808.gz"
        for market, symbols in (
            ("spot", ("btcusdt", "ethusdt")),
            ("usdm", ("btcusdt", "ethusdt")),
            ("cm", ("btcusd_perp", "ethusd_perp")),
        )
        for symbol in symbols
    ]
    if missing := [file.name for file in files if not file.is_file()]:
        pytest.skip(f"no recorded data: {', '.join(missing)}")
    return files


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", MADE)
def test_recorded_minutes(recording: list[Path], name: str, mode: str) -> None:
    strategy: Strategy = MADE[name]()
    summary = run(mode, [strategy], recording).summary
    assert summary.fills > 0
    assert summary.rejections == {}
    assert summary.liquidations == 0
    assert (summary.transfers > 0) == (mode == "separated")
    assert getattr(strategy, "intact", True)
