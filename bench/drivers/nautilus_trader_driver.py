"""nautilus_trader on the tape's trades: a Python strategy woken on each trade.

Case ``trades``: the strategy counts the trades and, on every ``ORDER_EVERY``-th, sends a market
order of one lot, buying and selling in turn.  Building the engine and its tick objects is not
timed; ``engine.run`` is. Logging is off.
"""

from __future__ import annotations

import json
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig
from nautilus_trader.model.currencies import USDT
from nautilus_trader.model.data import TradeTick
from nautilus_trader.model.enums import AccountType, AggressorSide, OmsType, OrderSide
from nautilus_trader.model.identifiers import TradeId, TraderId, Venue
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.test_kit.providers import TestInstrumentProvider
from nautilus_trader.trading.strategy import Strategy

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from bench.market_maker import ORDER_EVERY
from bench.worker import serve, timed


class Counter(Strategy):
    """Count the trades; trade one lot now and then, so that an order path exists."""

    def __init__(self, instrument: Any) -> None:
        super().__init__()
        self.instrument = instrument
        self.lot = Quantity(0.001, 3)
        self.seen = 0
        self.fills = 0

    def on_start(self) -> None:
        self.subscribe_trade_ticks(self.instrument.id)

    def on_trade_tick(self, tick: Any) -> None:
        self.seen += 1
        if self.seen % ORDER_EVERY == 0:
            side = OrderSide.BUY if self.seen // ORDER_EVERY % 2 else OrderSide.SELL
            self.submit_order(self.order_factory.market(self.instrument.id, side, self.lot))

    def on_order_filled(self, event: Any) -> None:
        self.fills += 1


def prepare(folder: Path, case: str) -> Any:
    if case != "trades":
        raise SystemExit(f"nautilus_trader has no case {case}")
    about = json.loads((folder / "about.json").read_text())
    instrument = TestInstrumentProvider.btcusdt_perp_binance()
    ticks = [
        TradeTick(
            instrument.id,
            Price(price * about["tick"], 1),
            Quantity(lots * about["lot"], 3),
            AggressorSide.BUYER if side > 0 else AggressorSide.SELLER,
            TradeId(str(number)),
            time_ns,
            time_ns,
        )
        for number, (time_ns, side, price, lots) in enumerate(
            np.load(folder / "trades.npy").tolist()
        )
    ]

    def run() -> dict[str, Any]:
        config = BacktestEngineConfig(
            trader_id=TraderId("BENCH-001"),
            logging=LoggingConfig(bypass_logging=True),
            run_analysis=False,
        )
        engine = BacktestEngine(config)
        engine.add_venue(
            venue=Venue("BINANCE"),
            oms_type=OmsType.NETTING,
            account_type=AccountType.MARGIN,
            starting_balances=[Money(1_000_000, USDT)],
            default_leverage=Decimal(10),
        )
        engine.add_instrument(instrument)
        engine.add_data(ticks)
        strategy = Counter(instrument)
        engine.add_strategy(strategy)
        _, times = timed(engine.run)
        figures = {
            "events": len(ticks),
            **times,
            "woken": strategy.seen,
            "orders": strategy.seen // ORDER_EVERY,
            "fills": strategy.fills,
        }
        engine.dispose()
        return figures

    return run


if __name__ == "__main__":
    serve(prepare)
