"""Latency models: how long orders and answers are under way, and when a strategy sees the market.

Three are built in (docs/assumptions.md): ``constant`` latencies; ``sampled`` from a distribution,
seeded; and ``recorded``, where market data arrive when the recorder saw them (its clock offset
taken out) and orders and answers take as long as the newest market event took.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.errors import InputError
from simulator.units.functions import exponentials

MILLISECOND_NS = 1_000_000
DRAWS = 1 << 16


@dataclass(frozen=True, slots=True)
class Latency:
    """Latencies in ns of market data (``feed``), orders (``entry``) and answers (``response``).

    The last two are draws, used in turn.  ``from_feed``: everything follows the recorded stamps,
    the other fields are not used.
    """

    feed: int
    entry: NDArray[np.int64]
    response: NDArray[np.int64]
    from_feed: bool = False

    def arrival(
        self, time_ns: NDArray[np.int64], receive_ns: NDArray[np.int64], earliest: int = 0
    ) -> NDArray[np.int64]:
        """When a strategy sees each row; never before the row, and never before an earlier row.

        ``earliest`` is the arrival of the last row of the block before.
        """
        if not self.from_feed:
            return time_ns + self.feed if self.feed else time_ns
        seen = np.where(receive_ns > 0, receive_ns, time_ns)
        return np.maximum.accumulate(np.maximum(np.maximum(seen, time_ns), earliest))


def constant(feed_ns: int, entry_ns: int, response_ns: int) -> Latency:
    """Every message takes the same time."""
    return Latency(
        feed_ns, np.array([entry_ns], dtype=np.int64), np.array([response_ns], dtype=np.int64)
    )


def recorded() -> Latency:
    """As the recorder's stamps say."""
    nothing = np.zeros(1, dtype=np.int64)
    return Latency(0, nothing, nothing, from_feed=True)


def sampled(median_ns: int, spread: float, seed: int) -> Latency:
    """Log-normal latencies around a median; ``spread`` is the standard deviation of the logarithm.

    The draws are made before the run, from the run's seed, and used in turn; the feed takes the
    median.
    """
    generator = np.random.Generator(np.random.PCG64(seed))
    times = median_ns * exponentials(spread * generator.standard_normal((2, DRAWS)))
    draws = times.astype(np.int64)
    return Latency(median_ns, draws[0], draws[1])


def parse_latency(text: str | None, seed: int) -> Latency:
    """Return the latency model that a word names.

    Words: ``MS``, ``FEED/ENTRY/RESPONSE`` (ms), ``recorded`` and ``sampled:MEDIAN:SPREAD``.
    Without a word nothing takes time.  Raises ``InputError`` for any other.

    >>> parse_latency("5", 0).feed
    5000000
    """
    if not text or text == "none":
        return constant(0, 0, 0)
    if text == "recorded":
        return recorded()
    try:
        if text.startswith("sampled:"):
            median, spread = (float(part) for part in text.split(":")[1:])
            if not (0 < median < 1e6 and 0 <= spread < 5):
                raise ValueError
            return sampled(round(median * MILLISECOND_NS), spread, seed)
        parts = [float(part) for part in text.removeprefix("constant:").split("/")]
        if len(parts) not in (1, 3) or not all(0 <= part < 1e6 for part in parts):
            raise ValueError
    except ValueError:
        raise InputError(
            f"latency {text!r}: want milliseconds (5), feed/entry/response (5/5/5), "
            "sampled:MEDIAN:SPREAD (sampled:5:0.4) or recorded"
        ) from None
    feed, entry, response = (round(p * MILLISECOND_NS) for p in (parts * 3)[:3])
    return constant(feed, entry, response)
