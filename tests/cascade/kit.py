"""Small cascades that a test describes in a few lines: a market from knots, accounts by hand.

Prices go by a made market, one print a second.  ``Cascade`` runs the engine on it, and calls what
is to be looked at after every second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from simulator import Simulation
from simulator.accounts.crowd import Crowd
from simulator.exchange.waterfall import STAGES
from simulator.instruments.instrument import Instrument
from simulator.liquidation.rules import InsuranceRules
from simulator.market.liquidity import Impact, Liquidity
from simulator.replay.made import MadeMarket
from simulator.replay.making import made_tape
from simulator.replay.player import Block
from simulator.strategy.base import Strategy
from tests.cascade.plain_accounts import Closing

HERE = Path(__file__).parent
BRACKETS = str(HERE / "brackets.toml")
"""Rulebook with small brackets, partial liquidation by bracket, BTC counted at 90 %."""
WHOLE = str(HERE / "whole.toml")
"""One bracket of 5 %, whole positions at once, no clearance fee."""
SHARED = str(HERE / "shared.toml")
"""The small brackets where everybody in profit is deleveraged by his share."""
SCENARIO = str(HERE / "scenario.toml")
"""The textbook with a price range that does not move."""

E8 = 10**8
LINES = ("spot", "margin", "um", "cm", "options")

Knots = Sequence[tuple[int, float]]


@dataclass(frozen=True)
class Holder:
    """An account of a crowd: whole units, prices in quote units.

    ``lots`` signed by instrument, ``entry`` and ``isolated`` likewise; ``balance`` and ``loan`` by
    line and asset.
    """

    id: int
    lots: Mapping[str, int] = field(default_factory=dict)
    entry: Mapping[str, float] = field(default_factory=dict)
    isolated: Mapping[str, float] = field(default_factory=dict)
    balance: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    loan: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    unified: bool = False
    group: str = "people"


def units(amount: float) -> int:
    """Whole units of an asset in its smallest."""
    return round(amount * E8)


def crowd_of(
    holders: Sequence[Holder], instruments: Sequence[Instrument], assets: Sequence[str]
) -> Crowd:
    """Accounts as columns, in the order that they are given in."""
    n, m = len(holders), len(instruments)
    names = [one.name for one in instruments]
    groups = tuple(sorted({one.group for one in holders})) or ("people",)
    lots, isolated = np.zeros((n, m), np.int64), np.zeros((n, m), np.int64)
    entry = np.zeros((n, m))
    amounts = {
        what: {line: np.zeros((n, len(assets)), np.int64) for line in LINES}
        for what in ("balance", "loan")
    }
    for row, one in enumerate(holders):
        for name, signed in one.lots.items():
            lots[row, names.index(name)] = signed
            entry[row, names.index(name)] = one.entry[name]
        for name, margin in one.isolated.items():
            isolated[row, names.index(name)] = units(margin)
        for what in ("balance", "loan"):
            for line, held in getattr(one, what).items():
                for asset, amount in held.items():
                    amounts[what][line][row, list(assets).index(asset)] = units(amount)
    return Crowd(
        ids=np.array([one.id for one in holders], np.int64),
        group=np.array([groups.index(one.group) for one in holders], np.int32),
        groups=groups,
        unified=np.array([one.unified for one in holders], np.bool_),
        instruments=tuple(names),
        assets=tuple(assets),
        lots=lots,
        entry=entry,
        isolated=isolated,
        balance={line: column for line, column in amounts["balance"].items() if column.any()},
        loan={line: column for line, column in amounts["loan"].items() if column.any()},
    )


def market(
    seconds: int,
    paths: Mapping[str, Mapping[str, Any]],
    instruments: Sequence[str] = ("um:BTCUSDT",),
    start: str = "2025-10-10T20:50:00Z",
    **more: Any,
) -> MadeMarket:
    """A made market of some seconds; ``paths`` as in a scenario file."""
    return MadeMarket(
        start=start,
        length=seconds,
        instruments=tuple(instruments),
        source="made for a test",
        paths=paths,
        **more,
    )


def falling(first: float, *knots: tuple[int, float], volatility: float = 0.0) -> dict[str, Any]:
    """A path: straight lines between (second, factor)."""
    ends = [[0, 1.0], *([at, factor] for at, factor in knots)]
    return {"first": first, "knots": ends, "volatility": volatility}


class Cascade:
    """The engine on a made market with a crowd."""

    def __init__(
        self,
        made: MadeMarket,
        holders: Sequence[Holder],
        *,
        mode: str = "separated",
        rulebook: str = BRACKETS,
        impact: Impact | None = None,
        insurance: InsuranceRules | None = None,
        strategies: Sequence[Strategy] = (),
        deposits: Mapping[str, float] | None = None,
        seed: int = 0,
        assets: Sequence[str] = (),
        then: Sequence[MadeMarket] = (),
        **more: Any,
    ) -> None:
        self.holders = list(holders)
        listed = [one for one, _ in made.listed()]
        known = ["USDT", *dict.fromkeys(a for one in listed for a in (one.base, one.quote))]
        self.sim = Simulation(
            data=[made_tape(one, seed) for one in (made, *then)],
            mode=mode,
            rulebook=rulebook,
            population=crowd_of(holders, listed, list(dict.fromkeys([*known, *assets]))),
            impact=impact,
            insurance=insurance,
            strategies=list(strategies),
            deposits=deposits,
            seed=seed,
            **more,
        )
        self.made, self.seed = made, seed
        self.instruments: list[Instrument] = list(self.sim.player.instruments)
        self.result: Any = None

    def run(self, look: Callable[[Cascade], None] | None = None) -> Cascade:
        """Replay all; ``look`` is called after every second."""
        self.result = self.sim.run(blocks=self._seconds(look) if look else None)
        return self

    def _seconds(self, look: Callable[[Cascade], None]) -> Iterator[Block]:
        """Blocks of one instant each: the clock's step of a second runs with the next one's."""
        for block in self.sim.player.blocks():
            edges = np.flatnonzero(np.diff(block.time_ns)) + 1
            for first, last in zip([0, *edges], [*edges, block.size], strict=True):
                yield _part(block, slice(int(first), int(last)))
                look(self)

    # What came of it

    def number(self, name: str) -> int:
        """Number of an instrument."""
        return [one.name for one in self.instruments].index(name)

    def account(self, holder: int) -> int:
        """Number of the account of an id; -1 is the fund's, 0 the one that trades."""
        roster = self.sim.roster
        if holder == -1:
            return int(roster.fund)
        return 1 if holder == 0 else 2 + [int(i) for i in roster.ids].index(holder)

    def lots(self, holder: int, name: str) -> int:
        """Signed lots of an account now."""
        found: int = self.sim.core.ledger.position_of(self.account(holder), self.number(name))[0]
        return found

    def amounts(self, holder: int) -> dict[str, int]:
        """What an account has in all its wallets, by asset, smallest units; nothing left out."""
        roster, ledger = self.sim.roster, self.sim.core.ledger
        wallets = np.flatnonzero(np.asarray(roster.wallet_account) == self.account(holder))
        balance = self.balances()[wallets + roster.first_wallet].sum(axis=0)
        owed = np.asarray(ledger.loan)[wallets + roster.first_wallet].sum(axis=0)
        net = (balance - owed).tolist()
        return {a: int(net[n]) for n, a in enumerate(self.sim.assets) if net[n]}

    def closings(self) -> list[Closing]:
        """All that was closed so far, with the ids and names of a report."""
        return [self._closing(row) for row in self.sim.desk.liquidator.engine.closings()]

    def _closing(self, row: Any) -> Closing:
        roster, pool = self.sim.roster, int(row["pool"])
        stage = STAGES[int(row["stage"])]
        against = {"takeover": -1, "order": None, "spot": None, "unwind": None}
        other = against[stage] if stage in against else roster.id_of(int(row["against"]))
        whole = (int(row[name]) for name in ("side", "lots", "amount", "fee"))
        instrument = self.instruments[int(row["slot"]) % len(self.instruments)].name
        mine = roster.id_of(int(row["account"]))
        assert mine is not None
        return Closing(
            int(row["time_ns"]), mine, self.pool_name(pool), instrument, stage, *whole, other
        )

    def pool_name(self, pool: int) -> str:
        """Name of a pool of anybody, empty for none."""
        if pool < 0:
            return ""
        if pool < self.sim.roster.own_pools:
            return str(self.sim.partition.pools[pool][0])
        return str(self.sim.roster.name_of_pool(pool))

    def balances(self) -> Any:
        """Balances [wallet, asset] of the whole ledger, as they are now."""
        ledger = self.sim.core.ledger
        wallets, assets = range(ledger.wallets), range(ledger.assets)
        return np.array([[ledger.balance_of(w, a) for a in assets] for w in wallets])

    def positions(self) -> tuple[Any, Any]:
        """Lots and costs [account, slot] of the whole ledger, as they are now."""
        ledger = self.sim.core.ledger
        found = [
            [ledger.position_of(account, slot) for slot in range(ledger.slots)]
            for account in range(ledger.accounts)
        ]
        table = np.array(found, np.int64).reshape(ledger.accounts, ledger.slots, 2)
        return table[:, :, 0].copy(), table[:, :, 1].copy()

    def fund(self, asset: str = "USDT") -> int:
        """Balance of the insurance fund, smallest units."""
        return int(self.sim.core.ledger.balance_of(4, self.sim.assets.index(asset)))

    def mark(self, name: str) -> float:
        """Mark price now."""
        return float(self.sim.core.pools.mark_price(self.number(name)))


def _part(block: Block, rows: slice) -> Block:
    columns = {
        name: getattr(block, name)[rows]
        for name in block.__dataclass_fields__
        if isinstance(getattr(block, name), np.ndarray)
    }
    return replace(block, **columns)


def even_book(depth: float, **more: Any) -> Liquidity:
    """A book of the same notional a percent everywhere, that nothing refills, of many levels."""
    rules: dict[str, Any] = {
        "profile": "constant",
        "depth": depth,
        "spread": 0.0,
        "reach": 0.3,
        "levels": 400,
        "resilience": "none",
    }
    return Liquidity(**{**rules, **more})


def impact_of(book: Liquidity, feedback: bool = True, **more: Any) -> Impact:
    """The same rules for all books."""
    return Impact(other=book, feedback=feedback, **more)
