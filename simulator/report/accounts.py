"""Accounts that trade in a run, by number: what they are called, and who trades for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.accounts.states import AccountMode
from simulator.exchange.roster import FIRST_NAME, TRADER

if TYPE_CHECKING:
    from simulator.simulation import Simulation
    from simulator.strategy.base import Strategy


def called(run: Simulation, account: int) -> str:
    """Return the name of an account that trades; empty where it is the only one."""
    if not run.traders:
        return ""
    return FIRST_NAME if account == TRADER else run.traders[account - TRADER - 1].name


def begun_in(run: Simulation, account: int) -> AccountMode:
    """Return the mode that an account that trades began in."""
    mode = run.mode if account == TRADER else run.traders[account - TRADER - 1].mode
    return "unified" if mode == "unified" else "separated"


def strategies_of(run: Simulation, account: int) -> list[Strategy]:
    """Return the strategies that trade for an account, in order."""
    pairs = zip(run.strategies, run.core.contexts, strict=True)
    return [strategy for strategy, context in pairs if context.account_number == account]
