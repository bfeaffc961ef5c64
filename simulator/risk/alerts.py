"""Alerts on a pool: what strategies and the run ask to be told before it is too late.

An alert is a sentence such as ``ratio <= 1.3``, ``level >= REDUCE_ONLY``, ``distance <= 5%`` or
``fall >= 20% in 60s``.  It is said once when it becomes true, and again only after it was untrue,
a minute later at the earliest: a ratio that trembles at the threshold says nothing new.

- ``level``: the pool's risk level is that one or worse
- ``ratio``: equity / maintenance margin is at or below the number
- ``distance``: a move of that share of one underlying's prices, up or down and all else equal,
  would bring the pool to LIQUIDATION
- ``fall``: the ratio lies that share or more below its highest in the last so many seconds
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Literal

from simulator.errors import InputError
from simulator.risk.levels import RiskLevel

Kind = Literal["level", "ratio", "distance", "fall"]

SECOND_NS = 10**9
QUIET_NS = 60 * SECOND_NS
"""Least time between two alerts of one condition on one pool."""

SENTENCE = re.compile(
    r"^\s*(?:(?P<pool>[A-Za-z0-9:_-]+)\s+)??(?P<kind>level|ratio|uniMMR|distance|fall)\s*"
    r"(?P<sign><=|>=|<|>|=)\s*(?P<value>[A-Za-z_]+|[0-9.]+)\s*(?P<percent>%)?"
    r"(?:\s*(?:in|/)\s*(?P<seconds>[0-9.]+)\s*s)?\s*$"
)

EXAMPLES = "ratio<=1.3, level>=REDUCE_ONLY, distance<=5%, fall>=20% in 60s"


@dataclass(frozen=True, slots=True)
class Watch:
    """One condition on a pool; ``pool`` empty: on each.  ``value``: the level's number, a ratio or
    a share.
    """

    kind: Kind
    value: float
    pool: str = ""
    window_ns: int = 0

    def __str__(self) -> str:
        where = f"{self.pool} " if self.pool else ""
        if self.kind == "level":
            return f"{where}level >= {RiskLevel(int(self.value)).name}"
        if self.kind == "ratio":
            return f"{where}ratio <= {self.value:g}"
        if self.kind == "distance":
            return f"{where}distance <= {100 * self.value:g}%"
        return f"{where}fall >= {100 * self.value:g}% in {self.window_ns / SECOND_NS:g}s"


@dataclass(frozen=True, slots=True)
class Alert:
    """A condition became true; ``ratio`` is None where the pool needs no margin."""

    time_ns: int
    pool: str
    condition: str
    equity: float
    maintenance_margin: float
    ratio: float | None
    level: RiskLevel


@dataclass(slots=True)
class _State:
    """What one watch remembers of one pool: whether it was true, when it was last said, and its
    highest ratios.
    """

    was: bool = False
    said_ns: int | None = None
    highest: deque[tuple[int, float]] = field(default_factory=deque)


class Alerts:
    """Watches over pools; ``update`` is called with every check of a pool."""

    def __init__(self) -> None:
        self._watches: list[tuple[Watch, int]] = []
        self._states: dict[tuple[int, str], _State] = {}

    def __len__(self) -> int:
        return len(self._watches)

    def add(self, watch: Watch, owner: int) -> None:
        """Add a watch; ``owner`` is handed back with its alerts (a strategy's number, -1 the
        run).
        """
        self._watches.append((watch, owner))

    def update(
        self,
        time_ns: int,
        pool: str,
        equity: float,
        maintenance: float,
        level: RiskLevel,
        liquidated_by: Callable[[float], bool],
        lines: Collection[str] = (),
    ) -> list[tuple[int, Alert]]:
        """Return (owner, alert) of every watch that has just become true for a pool.

        ``lines`` are product lines that share it: who watched a pool of one of them, watches it.

        ``liquidated_by(share)`` tells whether a move of that share of some underlying's prices,
        either way, would bring the pool to LIQUIDATION; it is asked only for ``distance``.
        """
        ratio = equity / maintenance if maintenance > 0 else None
        said = []
        for number, (watch, owner) in enumerate(self._watches):
            if watch.pool not in ("", pool) and watch.pool.partition(":")[0] not in lines:
                continue
            state = self._states.setdefault((number, pool), _State())
            if watch.kind == "level":
                true = level >= watch.value
            elif watch.kind == "ratio":
                true = ratio is not None and ratio <= watch.value
            elif watch.kind == "distance":
                true = ratio is not None and (
                    level >= RiskLevel.LIQUIDATION or liquidated_by(watch.value)
                )
            else:
                true = _has_fallen(state, time_ns, ratio, watch)
            recent = state.said_ns is not None and time_ns - state.said_ns < QUIET_NS
            if true and not state.was and not recent:
                state.said_ns = time_ns
                alert = Alert(time_ns, pool, str(watch), equity, maintenance, ratio, level)
                said.append((owner, alert))
            state.was = true
        return said


def _has_fallen(state: _State, time_ns: int, ratio: float | None, watch: Watch) -> bool:
    """Whether the ratio fell; keeps the highest of the window first in a falling queue."""
    highest = state.highest
    while highest and highest[0][0] < time_ns - watch.window_ns:
        highest.popleft()
    if ratio is None:
        highest.clear()
        return False
    while highest and highest[-1][1] <= ratio:
        highest.pop()
    highest.append((time_ns, ratio))
    return ratio <= highest[0][1] * (1 - watch.value)


def watch(
    *,
    level: str | RiskLevel | None = None,
    ratio: float | None = None,
    distance: float | None = None,
    fall: float | None = None,
    seconds: float | None = None,
    pool: str = "",
) -> Watch:
    """Return a watch from keywords, exactly one of ``level``, ``ratio``, ``distance``, ``fall``.

    ``distance`` and ``fall`` are shares (0.05 = 5 %); ``fall`` needs ``seconds``.  Raises
    ``InputError`` for anything else.
    """
    given = [n for n, v in zip(KINDS, (level, ratio, distance, fall), strict=True) if v is not None]
    if len(given) != 1:
        raise InputError(f"alert: give one of {', '.join(KINDS)}, not {' and '.join(given) or 0}")
    if (seconds is not None) != (fall is not None):
        raise InputError("alert: fall and seconds belong together, such as fall=0.2, seconds=60")
    if level is not None:
        name = level.name if isinstance(level, RiskLevel) else str(level).upper()
        if name not in RiskLevel.__members__ or name == "NORMAL":
            known = ", ".join(n for n in RiskLevel.__members__ if n != "NORMAL")
            raise InputError(f"alert: level {level!r} must be one of {known}")
        return Watch("level", float(RiskLevel[name]), pool)
    if ratio is not None:
        if not 0 < ratio < 1e9:
            raise InputError(f"alert: ratio must be above 0, not {ratio}")
        return Watch("ratio", float(ratio), pool)
    share = distance if distance is not None else fall
    assert share is not None
    if not 0 < share < 1:
        raise InputError(f"alert: {given[0]} must be a share between 0 and 1, not {share}")
    if distance is not None:
        return Watch("distance", float(distance), pool)
    assert seconds is not None
    if not 0 < seconds <= 86_400:
        raise InputError(f"alert: seconds must lie above 0 and up to 86400, not {seconds}")
    return Watch("fall", float(share), pool, round(seconds * SECOND_NS))


KINDS = ("level", "ratio", "distance", "fall")


def parse(sentence: str) -> Watch:
    """Return the watch that a sentence describes.

    >>> str(parse("ratio<=1.3")), str(parse("um fall >= 20% in 60s"))
    ('ratio <= 1.3', 'um fall >= 20% in 60s')

    Raises ``InputError`` with examples for anything else.
    """
    found = SENTENCE.match(sentence)
    wrong = InputError(f"alert {sentence!r}: must read like one of {EXAMPLES}")
    if found is None:
        raise wrong
    kind, sign, text = found["kind"].replace("uniMMR", "ratio"), found["sign"], found["value"]
    falls = kind in ("ratio", "distance")
    if sign not in (("<=", "<") if falls else (">=", ">", "=")):
        raise wrong
    pool = found["pool"] or ""
    seconds = float(found["seconds"]) if found["seconds"] else None
    if kind == "level":
        if found["percent"]:
            raise wrong
        return watch(level=text, pool=pool, seconds=seconds)
    try:
        value = float(text) / (100 if found["percent"] else 1)
    except ValueError:
        raise wrong from None
    if kind == "ratio":
        return watch(ratio=value, pool=pool, seconds=seconds)
    if kind == "distance":
        return watch(distance=value, pool=pool, seconds=seconds)
    return watch(fall=value, pool=pool, seconds=seconds)
