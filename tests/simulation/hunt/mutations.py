"""Deliberate faults in a venue, to show that the hunt finds what it is there for.

Compiled methods cannot be replaced from Python, so a fault is put where the engine calls Python:
the desk's parts, or between two rows straight into the ledger's columns.  Each takes a run before
it starts, and breaks it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from simulator.accounts.wallets import FEES, INSURANCE, MARKET, OUTSIDE
from simulator.events.outcomes import Outcome

Mutation = Callable[[Any], None]

OWN = INSURANCE + 1
"""First wallet of the account."""


def _between_rows(run: Any, change: Callable[[], None]) -> None:
    """Do something before each look."""
    run.watch.changes.append(change)


def _after(owner: Any, name: str, then: Callable[..., None]) -> None:
    """Do something after a method of a plain class."""
    known = getattr(owner, name)

    def called(*asked: Any) -> Any:
        found = known(*asked)
        then(*asked)
        return found

    setattr(owner, name, called)


def fee_booked_once(run: Any) -> None:
    """The account pays fees, and the venue's income does not get the last of them."""
    ledger = run.core.ledger
    seen = [0]

    def change() -> None:
        balance = ledger.columns()[0]
        fees = int(balance[FEES].sum())
        if fees > seen[0]:
            balance[FEES, int(np.argmax(balance[FEES]))] -= 1
            seen[0] = fees

    _between_rows(run, change)


def double_funding(run: Any) -> None:
    """Funding is settled twice."""
    known = run.desk.funding.settle

    def settle(instrument: int, rate_e8: int) -> None:
        known(instrument, rate_e8)
        known(instrument, rate_e8)

    run.desk.funding.settle = settle


def loan_not_lent(run: Any) -> None:
    """What is owed grows by a unit when a loan is made; the lender is owed no more."""
    ledger, desk = run.core.ledger, run.desk

    def then(*_: Any) -> None:
        loan = np.asarray(ledger.loan)
        rows, columns = np.nonzero(loan[OWN : desk.lender])
        if len(rows):
            loan[OWN + rows[0], columns[0]] += 1

    _after(desk.loans, "borrow", then)


def held_not_released(run: Any) -> None:
    """What orders held stays held after they are over."""
    held = np.asarray(run.core.ledger.held)
    most = np.zeros_like(held)

    def change() -> None:
        np.maximum(most, held, out=most)
        held[:] = most

    _between_rows(run, change)


def held_too_little(run: Any) -> None:
    """A resting order holds less than it may cost."""
    held = np.asarray(run.core.ledger.held)

    def change() -> None:
        if held.any():
            held[tuple(int(n[0]) for n in np.nonzero(held))] -= 1

    _between_rows(run, change)


def interest_to_nobody(run: Any) -> None:
    """Interest is owed, and owed to nobody."""
    ledger = run.core.ledger
    interest = np.asarray(ledger.interest)

    def change() -> None:
        if interest[run.desk.lender].any():
            interest[run.desk.lender] = 0

    _between_rows(run, change)


def position_grows(run: Any) -> None:
    """A lot appears on the account's side and on the market's: longs are still shorts."""
    ledger = run.core.ledger

    def change() -> None:
        quantity = ledger.columns()[2]
        slots = np.flatnonzero(quantity[1])
        if len(slots):
            at = int(slots[0])
            quantity[1, at] += 1
            quantity[0, at % run.core.ledger.instruments] -= 1

    _between_rows(run, change)


def money_between_wallets(run: Any) -> None:
    """A unit goes from the market to the account without an entry: every sum is still zero."""
    ledger = run.core.ledger

    def change() -> None:
        balance = ledger.columns()[0]
        if run.core.n_fills:
            balance[MARKET, 0] -= 1
            balance[OWN, 0] += 1

    _between_rows(run, change)


def stale_level(run: Any) -> None:
    """A pool's level is never announced, as if it was not looked at."""
    run.desk.level_changed = lambda pool, old, new: None


def withdrawn_for_nothing(run: Any) -> None:
    """What is withdrawn comes back: an entry that nobody is told of."""
    ledger, funds = run.core.ledger, run.desk.funds
    known = funds._withdraw

    def withdraw(asked: Any) -> Any:
        before = ledger.columns()[0][OUTSIDE].copy()
        found = known(asked)
        for asset, units in enumerate((ledger.columns()[0][OUTSIDE] - before).tolist()):
            if units:
                ledger.move(OUTSIDE, OWN, asset, units)
        return found

    funds._withdraw = withdraw


def order_filled_twice(run: Any) -> None:
    """A fill of the account is told a second time."""
    records, seen = run.core.records, [0]

    def change() -> None:
        rows = run.core.fills()
        if len(rows) > seen[0]:
            last = rows[-1].tolist()
            if last[2]:
                records.add(
                    run.core.now, Outcome.FILLED, last[11], last[1], last[2], last[3], *last[4:6]
                )
            seen[0] = len(rows)

    _between_rows(run, change)


def book_loses_an_order(run: Any) -> None:
    """An order that rests is taken out of its book, and nobody is told."""
    done: set[int] = set()

    def change() -> None:
        for slot in run.core.orders_at_venue(1):
            row = run.core.order_row(slot)
            if row[8] == 3 and row[0] % 3 == 0 and row[0] not in done:
                done.add(row[0])
                run.core.books[row[3]].cancel(slot)
                run.core.books[row[3]].drop_rows()

    _between_rows(run, change)


def settled_at_another_price(run: Any) -> None:
    """A contract that expires is settled a unit of its quote asset too high."""
    desk = run.desk
    known, ended = desk.duty, run.watch.money.worth.dates.ended

    def duty(now: int) -> Any:
        for number, one in enumerate(desk.listed):
            if one.expiry_ns and one.expiry_ns <= now and number not in ended:
                index = float(run.core.pools.index_price(run.assets.index(one.base)))
                desk.expiry.given(number, round((index + 1.0) * 10**8))
        return known(now)

    desk.duty = duty


def step_without_its_conditions(run: Any) -> None:
    """Whoever asks for a step between the modes may take it."""
    for desk in run.desk.accounts.values():
        desk.modes._met = lambda conditions: True


def mark_beside_its_price(run: Any) -> None:
    """Marks are a millionth higher than the tape tells, or the formula gives."""
    pools = run.core.pools

    def change() -> None:
        for number, one in enumerate(run.player.instruments):
            price = float(pools.mark_price(number))
            if one.market != "spot" and price > 0.0:
                pools.set_mark(number, price * (1.0 + 1e-6))

    _between_rows(run, change)


def funding_basis_of_another_rate(run: Any) -> None:
    """Marks follow from a running rate of funding that nobody told."""
    rates = np.asarray(run.desk.upkeep.funding_rate)

    def change() -> None:
        rates[:] = 0.001

    _between_rows(run, change)


def _fee_a_unit_more(run: Any, which: Callable[[list[int]], bool]) -> None:
    """The last fill of a look costs a unit more, booked and told."""
    core, seen = run.core, [0]

    def change() -> None:
        rows = core.fills()
        if len(rows) > seen[0] and which(rows[-1].tolist()):
            account, number, asset = (int(rows[-1][n]) for n in (11, 1, 8))
            rows[-1][7] += 1
            wallet = run.desk.accounts[account].partition.cash[number]
            core.ledger.move(wallet, FEES, asset, 1)
        seen[0] = len(rows)

    _between_rows(run, change)


def fee_in_bnb_too_high(run: Any) -> None:
    """Who pays in BNB pays a unit more."""
    bnb = run.assets.index("BNB") if "BNB" in run.assets else -1
    _fee_a_unit_more(run, lambda fill: fill[8] == bnb and fill[7] > 0)


def fee_of_an_option_too_high(run: Any) -> None:
    """Who trades an option pays a unit more."""
    listed = run.player.instruments
    _fee_a_unit_more(run, lambda fill: listed[fill[1]].market == "option" and fill[7] > 0)


MUTATIONS: dict[str, Mutation] = {
    one.__name__: one
    for one in (
        fee_booked_once,
        double_funding,
        loan_not_lent,
        held_not_released,
        held_too_little,
        interest_to_nobody,
        position_grows,
        money_between_wallets,
        stale_level,
        withdrawn_for_nothing,
        order_filled_twice,
        book_loses_an_order,
        settled_at_another_price,
        step_without_its_conditions,
        mark_beside_its_price,
        funding_basis_of_another_rate,
        fee_in_bnb_too_high,
        fee_of_an_option_too_high,
    )
}
"""Faults by name."""
