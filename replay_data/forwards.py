"""Forward prices, their marks, and the volatility surface of a dated tape.

The underlying is the hour's own tape: the index each second, spot and perpetual mids each step.

What settles on the mean of the index over the last half hour knows ever more of that mean.  With
``A`` the sum over the seconds passed within the window, over its length, and ``u`` the share of the
window that is left (``A = 0``, ``u = 1`` before it)::

    forward    = A + u * S * (1 + carry * T)
    deviation  = v * u * S / forward * sqrt(T / 3)      in the window W
                 v * sqrt(T - 2 * W / 3)                before it

so a price meets the settlement without a jump.  The deviation is that of the mean of the end of a
random walk.  The volatility that the tape states is the one which gives this deviation under plain
Black-76 (``v * sqrt(T)``), so it goes to 0 with ``u``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from replay_data import compare, draws, path
from replay_data.black76 import logarithm
from replay_data.draws import Floats, Ints
from replay_data.recordings import STEP_MS
from replay_data.series import DAY, Contract, Dated, second_ms, step_ms
from replay_data.settings import HOUR_STEPS
from simulator.market.tape import Kind

STEPS_A_SECOND = 1000 // STEP_MS
CENT = 1_000_000
"""Marks of what is dated are whole 0.01 USDT, in 1e-8."""


@dataclass(frozen=True, slots=True)
class Underlying:
    """The hour's tape: ``index`` ``[second]`` in 1e-8; ``spot``, ``perp`` mids ``[step]``."""

    index: Ints
    spot: Floats
    perp: Floats


def underlying(dated: Dated) -> Underlying:
    """Read index and mids of BTC from the hour's own tape."""
    rows = pl.read_parquet(path(dated.hour.name))
    names = [listed.name for listed in dated.hour.listed]
    mids = []
    for name in ("spot:BTCUSDT", "um:BTCUSDT"):
        number = names.index(name)
        own = rows.filter(pl.col("instrument") == number)
        prices, _ = compare.books(own, dated.hour.start_ms, HOUR_STEPS)
        tick = float(dated.hour.listed[number].tick)
        mids.append(prices[:, :, 0].sum(axis=1) * (tick / 2.0))
    index = own.filter(pl.col("kind") == Kind.INDEX)["price"].to_numpy()
    return Underlying(index=index, spot=mids[0], perp=mids[1])


def known(dated: Dated, contract: Contract, index: Ints, ms: Floats) -> tuple[Floats, Floats]:
    """Return what is known of the settlement at ``ms`` (``A``) and the share left (``u``)."""
    window = int(dated.model["window_s"])
    first = contract.expiry_ms // 1000 - window
    upto = np.concatenate([[0], np.cumsum(index)])
    passed = np.clip(ms.astype(np.int64) // 1000 - first, 0, window)
    begin = min(max(first, 0), len(index))
    ends = np.clip(begin + passed, 0, len(index))
    total = (upto[ends] - upto[begin]).astype(np.float64)
    return total / (window * 1e8), 1.0 - passed / window


def settlement(dated: Dated, contract: Contract, index: Ints) -> int:
    """Return the settlement price of a contract that expires within the hour, in 1e-8.

    It is the mean of the index at the seconds of the window, the instant of expiry not included,
    rounded down.
    """
    window, last = int(dated.model["window_s"]), contract.expiry_ms // 1000
    return int(index[last - window : last].sum()) // window


def fair_future(
    dated: Dated, contract: Contract, under: Underlying, generator: np.random.Generator
) -> Floats:
    """Return what a future is worth to those who quote it, ``[step]``."""
    ms, model = step_ms(), dated.model
    left, rest = known(dated, contract, under.index, ms)
    carry = dated.over_time("carry", ms) * contract.years(ms)
    premium = model["perp_share"] * (under.perp / under.spot - 1.0)
    noise = draws.autoregressive(draws.normals(generator, len(ms)), model["noise_keep"])
    own = noise * (model["noise_bp"] * 1e-4) * np.sqrt(dated.over_time("wide", ms))
    # Only what is not settled yet can be a matter of opinion.
    return left + rest * under.spot * (1.0 + carry + premium + own)


def future_mark(dated: Dated, contract: Contract, index: Ints, mid: Floats) -> Ints:
    """Return the mark price each second, in 1e-8; ``mid`` is of the displayed touch ``[step]``."""
    ms = second_ms()
    left, rest = known(dated, contract, index, ms)
    base = left + rest * (index / 1e8)
    # At a whole second the book of that step is not told yet.
    shown = mid[np.maximum(np.arange(len(ms)) * STEPS_A_SECOND - 1, 0)]
    gap = np.rint((shown - base) * 1e4).astype(np.int64)  # whole numbers: any order sums the same
    upto = np.concatenate([[0], np.cumsum(gap)])
    second = np.arange(len(ms))
    points = np.minimum(second + 1, int(dated.model["mark_average_s"]))
    average = (upto[second + 1] - upto[second + 1 - points]) / (points * 1e4)
    mark: Ints = np.rint((base + average) * 100.0).astype(np.int64) * CENT
    return mark


def level_noise(dated: Dated, generator: np.random.Generator) -> Floats:
    """Return the slow noise of the level of volatility, ``[second]``."""
    shocks = draws.normals(generator, len(second_ms()))
    return (
        draws.autoregressive(shocks, dated.model["volatility_keep"])
        * (dated.model["volatility_noise"])
    )


def surface(dated: Dated, contract: Contract, forward: Floats, noise: Floats) -> Floats:
    """Return the surface's volatility of an option, ``[second]``.

    ``level(T) + skew * x + smile * x**2`` with the moneyness ``x = ln(K / F) / sqrt(T)``; the level
    goes from short to long with ``1 / (1 + T / term)``.
    """
    ms, model = second_ms(), dated.model
    years = contract.years(ms)
    short, long = (dated.over_time(f"{term}_volatility", ms) for term in ("short", "long"))
    level = long + (short - long) / (1.0 + years / (model["term_days"] * DAY)) + noise
    floor = model["skew_floor_days"] * DAY
    x = logarithm(contract.strike / forward) / np.sqrt(np.maximum(years, floor))
    return level + dated.over_time("skew", ms) * x + dated.over_time("smile", ms) * x * x


def stated_volatility(
    dated: Dated, contract: Contract, index: Ints, forward: Floats, volatility: Floats
) -> Ints:
    """Return the volatility that gives the option's deviation under Black-76, in 1e-8."""
    ms = second_ms()
    _, rest = known(dated, contract, index, ms)
    window = dated.model["window_s"] * 1000.0
    left = np.maximum(contract.expiry_ms - ms, 1000.0)
    before = np.sqrt(np.maximum(1.0 - 2.0 * window / (3.0 * left), 0.0))
    # At the end the mean is all but known: a hundredth keeps the volatility above 0.
    within = np.maximum(rest, 0.01) * (index / 1e8) / forward / np.sqrt(3.0)
    share = np.where(left > window, before, within)
    return np.rint(volatility * share * 1e6).astype(np.int64) * 100
