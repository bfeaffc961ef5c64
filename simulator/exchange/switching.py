"""The switch between the account modes: wallets merge or split, and the venue's columns follow.

To unified: the wallets of all member lines become one, with their loans and interest, in one entry
of the ledger.  To separated: what the unified wallet holds goes to the wallet that the rulebook
names.  Positions, their costs and entry prices stay where they are: only which wallet takes their
profit and which pool margins them changes.  Wallets and pools that both modes have are not touched.

Everything that could fail is made before anything moves, money moves last, in one entry, and what
fails before that is taken back: a switch happens whole or not at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from simulator.accounts.crowd import FIRST
from simulator.accounts.states import AccountMode
from simulator.accounts.wallets import Partition
from simulator.events.outcomes import Outcome
from simulator.exchange.layout import Layout, pools_of
from simulator.exchange.messages import Balances
from simulator.exchange.roster import Roster
from simulator.exchange.traders import take_partitions
from simulator.risk.columns import MarginColumns
from simulator.risk.pools import Pools

if TYPE_CHECKING:
    from simulator.exchange.account_desk import AccountDesk


@dataclass(frozen=True, slots=True)
class _Plan:
    """A mode ready to be gone over to; ``levels`` are of pools that keep theirs, ``roster`` has the
    partitions of accounts as they are then.
    """

    layout: Layout
    roster: Roster
    margins: MarginColumns
    columns: Mapping[str, Any]
    levels: Mapping[int, int]


class Switching:
    """Changes the mode of a running account; ``layouts`` are those of both modes.

    ``split_to`` names the wallet of the separated mode that a unified one's assets go to; where the
    run's data give the account none of that name, they go to spot.
    """

    def __init__(
        self, desk: AccountDesk, layouts: Mapping[AccountMode, Layout], split_to: str = "spot"
    ) -> None:
        self.desk = desk
        self.layouts = layouts
        self.split_to = split_to

    # Before

    def preview(self, mode: AccountMode) -> tuple[float, float, float | None]:
        """Return equity, maintenance margin and their ratio as they would be after a switch, USDT.

        To unified those of the shared pool, to separated of all pools together; the ratio is None
        without a requirement.  Worked out on a copy: nothing of the run changes.
        """
        to = self.layouts[mode]
        pools = self._pools_after(to)
        equity = maintenance = 0.0
        for number, name, _, _ in to.partition.live_pools:
            if mode == "separated" or name == "unified":
                pools.evaluate(number)
                figures = pools.figures(number)
                equity += figures[0]
                maintenance += figures[2]
        return equity, maintenance, equity / maintenance if maintenance > 0 else None

    def _pools_after(self, to: Layout) -> Pools:
        """Return the pools of a mode on a copy of the ledger in which wallets are merged."""
        desk, core = self.desk, self.desk.core
        ledger = core.ledger.copied()
        for source, target in self.moves(to.partition).items():
            ledger.merge([source], target)
        roster = self._roster(to)
        columns, _ = desk.venue.columns_in(desk.account, to, desk.leverage.under(to.margin), roster)
        rows, pool_of, live = pools_of(self._first(to), desk.assets, roster)
        pools = Pools(ledger, rows, pool_of, columns, live)
        pools.advance(core.pools.time_ns)
        for asset in range(len(desk.assets)):
            pools.set_index(asset, core.pools.index_price(asset))
        for number in range(len(desk.listed)):
            pools.set_mark(number, core.pools.mark_price(number))
            pools.set_volatility(number, core.pools.option_volatility(number))
        desk.venue.measuring.apply(pools)
        return pools

    def _first(self, to: Layout) -> Partition:
        """Partition of the first account that trades with this one in a layout."""
        venue = self.desk.venue
        return to.partition if self.desk is venue else venue.partition

    def _roster(self, to: Layout) -> Roster:
        """Return the venue's roster with this account in a layout."""
        venue = self.desk.venue
        if self.desk is venue:
            return venue.roster
        traders = list(venue.roster.traders)
        traders[self.desk.account - FIRST] = to.partition
        found = replace(venue.roster, traders=tuple(traders))
        take_partitions(found)
        return found

    def moves(self, to: Partition) -> dict[int, int]:
        """Return where the wallets go that another mode does not have, by number."""
        present = self.desk.partition
        return {
            number: self._target(present, to, number)
            for number in present.own
            if number not in to.own
        }

    def _target(self, present: Partition, to: Partition, number: int) -> int:
        name = present.name_of(number)
        isolated = {wallet: slot for _, _, wallet, slot in present.live_pools if slot >= 0}
        if number in isolated:
            return to.margin[isolated[number]]
        if name == "unified":
            there = self.split_to in to.wallet_names
            return to.wallet(self.split_to if there else "spot")
        return to.wallet(name)

    # The switch

    def cancel_orders(self) -> int:
        """Cancel all orders at the venue, conditional ones too; return how many there were."""
        return int(self.desk.core.pull_all_orders(self.desk.account))

    def execute(self, mode: AccountMode) -> tuple[Balances, Balances]:
        """Switch to a mode; return the balances before and after.

        The caller has checked its conditions, and checks margins afterwards.  Raises ``ValueError``
        where it would break the account: orders that hold money, and on the way back positions
        whose margin has gone, or debts.  Whatever is raised, the account is as it was.
        """
        desk, to = self.desk, self.layouts[mode]
        here = desk.partition.mode
        if mode == here:
            raise ValueError(f"the account is in the {mode} mode already")
        moves = self.moves(to.partition)
        self._assert_possible(to, moves)
        pools, leverage = desk.core.pools, desk.leverage
        live = [n for one in desk.venue.accounts.values() for n in one.partition.live]
        levels = {number: pools.checked_level(number) for number in live}
        plan = self._plan(to, leverage.under(to.margin), levels)
        back = self._plan(self.layouts[here], leverage.present(), levels)
        kept = leverage.kept(), desk.venue.liquidator.kept()
        before = self.balances()
        try:
            self._go_over(plan)
            self._merge(moves)
        except BaseException:
            self._go_over(back)
            leverage.restore(kept[0])
            desk.venue.liquidator.restore(kept[1])
            for number in live:
                pools.evaluate(number)
            raise
        return before, self.balances()

    def _plan(
        self, layout: Layout, leverage: Sequence[Fraction], levels: Mapping[int, int]
    ) -> _Plan:
        desk = self.desk
        roster = self._roster(layout)
        gone = set(layout.partition.pool_numbers) - set(layout.partition.live)
        return _Plan(
            layout,
            roster,
            *desk.venue.columns_in(desk.account, layout, list(leverage), roster),
            {number: level for number, level in levels.items() if number not in gone},
        )

    def _go_over(self, plan: _Plan) -> None:
        """Have the venue run by a mode's columns; no money moves."""
        desk, pools = self.desk, self.desk.core.pools
        partition = plan.layout.partition
        desk.partition.become(partition)
        pools.set_rules(plan.margins)
        present = desk.venue.roster
        present.columns, present.pool_of = plan.roster.columns, plan.roster.pool_of
        pools.set_partition(*pools_of(desk.venue.partition, desk.assets, present))
        for number, level in plan.levels.items():
            pools.set_checked(number, level)
        desk.core.take_mode(plan.columns)
        desk.upkeep.take_mode(plan.columns)
        desk.take_mode(plan.layout)

    def _assert_possible(self, to: Layout, moves: Mapping[int, int]) -> None:
        desk, ledger = self.desk, self.desk.core.ledger
        if desk.core.open_orders(self.desk.account):
            raise ValueError("orders are open: cancel them before the switch")
        if to.partition.mode == "unified":
            return
        for slot, wallet in enumerate(to.partition.margin):
            changes = wallet != desk.partition.margin[slot]
            if changes and ledger.position_of(self.desk.account, slot)[0]:
                raise ValueError(f"a position is open in slot {slot}: its margin would be gone")
        for wallet in moves:
            if any(ledger.owed(wallet, asset) for asset in range(ledger.assets)):
                raise ValueError(f"wallet {desk.partition.name_of(wallet)} owes: repay it before")

    def _merge(self, moves: Mapping[int, int]) -> None:
        """Record what wallets have and owe, then move it, one entry by target.

        The move is last, and checks what it needs before it begins: it does not end half done.
        """
        core = self.desk.core
        for source, target in moves.items():
            for asset in range(core.ledger.assets):
                balance = core.ledger.balance_of(source, asset)
                owed = core.ledger.owed(source, asset)
                for outcome, amount in ((Outcome.MERGED, balance), (Outcome.DEBT_MERGED, owed)):
                    if amount:
                        core.records.add(
                            core.now, outcome, self.desk.account, -1, source, target, asset, amount
                        )
        for target in sorted(set(moves.values())):
            core.ledger.merge([source for source in moves if moves[source] == target], target)

    def balances(self) -> Balances:
        """Return balance, loan and interest by wallet and asset; what is all zero is left out."""
        ledger, partition = self.desk.core.ledger, self.desk.partition
        found: dict[str, dict[str, tuple[Decimal, Decimal, Decimal]]] = {}
        for number in partition.own:
            for asset, name in enumerate(self.desk.assets):
                units = (ledger.balance_of(number, asset), *ledger.loan_of(number, asset))
                if any(units):
                    balance, loan, interest = (Decimal(one).scaleb(-8) for one in units)
                    found.setdefault(partition.name_of(number), {})[name] = balance, loan, interest
        return found
