"""An account's steps between the modes, held to the plain model of `tests.exchange.account_model`.

The auditor is the one of the small worlds in tests/exchange: before a step is carried out it says
which conditions are met, with figures of its own, and what must come of it.
"""

from __future__ import annotations

from typing import Any

from simulator.accounts.rules import AccountProfile
from simulator.simulation import Simulation
from tests.exchange.auditor import Auditor


class Seat:
    """What the model knows of an account in a run."""

    def __init__(self, run: Simulation, account: int) -> None:
        self.core: Any = run.core
        self.desk: Any = run.desk.accounts[account]
        self.partition = self.desk.partition
        self.instruments, self.assets = run.player.instruments, run.assets
        self.strategies = run.strategies
        self.now = run.span[0]


class Steps(Auditor):
    """Holds the steps of one account of a run to the model; ``counts`` says what happened."""

    breaks = True

    def __init__(self, run: Simulation, account: int, profile: AccountProfile) -> None:
        super().__init__(Seat(run, account), profile)
