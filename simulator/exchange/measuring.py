"""What a run measures on its index prices, and the pools that margin follows from it."""

from __future__ import annotations

from collections.abc import Iterable

from simulator.exchange.core import Core
from simulator.risk.columns import KINDS
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
        self._given: tuple[object, object, bytes] = (None, None, b"")

    @property
    def present(self) -> Measured | None:
        """What measures; None where the present mode's margin does not depend on it."""
        return self._measured if follows(self.core.pools.columns.rules) else None

    def step(self) -> None:
        """Take a step on the run's index prices."""
        if self._measured is not None:
            self._measured.step_on(self.core.pools)
            self.apply(self.core.pools)

    def apply(self, pools: Pools) -> None:
        """Give pools what is measured so far, if their margin depends on it."""
        columns = pools.columns
        if self._judged[0] is not columns:
            self._judged = (columns, follows(columns.rules))
        if self._measured is not None and self._judged[1]:
            ranges, credit = self._measured.columns(columns.rules.scenario, columns.underlyings)
            # New figures void every pool's safe band; the same ones to the same pools must not.
            figures = ranges.tobytes() + credit.tobytes()
            taker, of, known = self._given
            if taker is not pools or of is not columns or known != figures:
                self._given = pools, columns, figures
                pools.set_measured(ranges, credit)
