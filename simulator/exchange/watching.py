"""Alerts in a run: after every margin check the pools are shown to the watches that were asked for.

Nothing here runs unless a strategy or the run asked for an alert.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from simulator.accounts.wallets import Partition
from simulator.exchange.core import Core
from simulator.exchange.messages import StrategyAlert
from simulator.exchange.stress import Stress
from simulator.instruments.instrument import Instrument
from simulator.risk.alerts import Alert, Alerts, Watch
from simulator.risk.levels import RiskLevel

RUN = -1
"""Owner of an alert that the run, not a strategy, asked for."""


class Watcher:
    """The alerts of a run; ``said`` are those so far, in order, with who asked (-1 the run)."""

    def __init__(
        self,
        core: Core,
        partition: Partition,
        instruments: Sequence[Instrument],
        assets: Sequence[str],
        announce: Callable[[StrategyAlert], None],
    ) -> None:
        self.core = core
        self.partition = partition
        self.announce = announce
        self.stress = Stress(core, instruments, assets)
        self.alerts = Alerts()
        self.said: list[tuple[int, Alert]] = []

    def add(self, watch: Watch, owner: int) -> None:
        """Watch from now on; ``LookupError`` lists the pools where there is none of that name.

        Without a name every pool is watched, those of a later account mode too; a watch on a pool
        that is merged goes on with the one that it is merged into.
        """
        names = [name for _, name, _, _ in self.partition.live_pools]
        if watch.pool and watch.pool not in names:
            raise LookupError(f"no margin pool {watch.pool}; there are {', '.join(names)}")
        self.alerts.add(watch, owner)

    def checked(self, pool: int) -> None:
        """A pool's margin has been computed: say which alerts have just become true."""
        name = self.partition.pool(pool)[0]
        equity, _, maintenance, level = self.core.pools.figures(pool)
        found = self.alerts.update(
            int(self.core.now),
            name,
            equity,
            maintenance,
            RiskLevel(level),
            lambda share: self.stress.liquidated_by(pool, share),
            self.partition.members if name == "unified" else (),
        )
        for owner, alert in found:
            self.said.append((owner, alert))
            if owner != RUN:
                self.announce(StrategyAlert(owner, alert))
