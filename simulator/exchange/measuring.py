"""What a run measures on its index prices, and the pools that margin follows from it."""

from __future__ import annotations

from collections.abc import Iterable

from simulator.exchange.core import Core
from simulator.risk.columns import KINDS
from simulator.risk.ewma import Ewma
from simulator.risk.measured import Measured
from simulator.risk.pools import Pools
from simulator.risk.rules import MarginRules


def follows(rules: MarginRules) -> bool:
    """Whether margin by the rules depends on measured correlation and volatility."""
    return any(rules.model_of(kind) == "scenario" for kind in KINDS)


class Measuring:
    """Measures from the start where any of the run's account modes needs it.

    So figures do not begin anew at a switch; pools that do not need them never see them.
    """

    def __init__(self, core: Core, margins: Iterable[MarginRules]) -> None:
        self.core = core
        columns = core.pools.columns
        needed = [rules.scenario for rules in margins if follows(rules)]
        self._measured = Measured(needed[0], columns.underlyings) if needed else None
        self._judged: tuple[object, bool] = (None, False)

    @property
    def present(self) -> Measured | None:
        """What measures; None where the present mode's margin does not depend on it."""
        columns = self.core.pools.columns
        if self._judged[0] is not columns:
            self._judged = (columns, follows(columns.rules))
        return self._measured if self._judged[1] else None

    @property
    def ewma(self) -> Ewma | None:
        """The sums, which the upkeep steps; None where no mode's margin depends on them."""
        return None if self._measured is None else self._measured.ewma

    def aim(self) -> None:
        """Have steps taken on, and given to, the run's pools by their present rules."""
        if self._measured is not None:
            self._measured.aim(self.core.pools.columns, self.present is not None)

    def apply(self, pools: Pools) -> None:
        """Give pools what is measured so far, if their margin depends on it."""
        measured, rules = self._measured, pools.columns.rules
        if measured is None:
            return
        if pools is self.core.pools:
            self.aim()
            measured.ewma.give(pools)
        elif follows(rules):
            pools.set_measured(*measured.columns(rules.scenario, pools.columns.underlyings))
