"""Generate one instrument's book and trades from its hidden price.

Each 250 ms step:

1. orders arrive: more where the hidden price has left the touch (``x`` = distance / band), ``rate
   * (1 + burst * x**2)``, on that side more often; each takes displayed lots, best price first, up
   to its limit; when ``|x| > 1`` one of them may sweep all levels that the touch is about to pass;
2. if ``|x| > 1`` the touch moves to the hidden price;
3. quantities change, levels are cancelled and quoted; the ten levels a side are displayed, only
   changes told.

A print never shows more lots at a price than the book displays there when the order arrives.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import floor

import numpy as np

from replay_data import draws
from replay_data.draws import CELLS, Floats
from replay_data.measure import QUANTILES
from replay_data.recordings import STEP_MS
from replay_data.settings import HOUR_STEPS, Hour, Listed
from replay_data.side import Side, Tables

PREMIUM_STEPS = 5000 // STEP_MS
"""Impact prices are sampled every 5 s (Binance)."""


@dataclass(slots=True)
class Market:
    """What an instrument did: prices in ticks, quantities in lots, times in ms from the start."""

    depth: list[tuple[int, int, int, int]] = field(default_factory=list)  # step, side, price, lots
    trades: list[tuple[int, int, int, int]] = field(default_factory=list)  # ms, side, price, lots
    forced: list[tuple[int, int, int, int]] = field(
        default_factory=list
    )  # ms, side, mean price, lots
    touch: list[tuple[int, int]] = field(default_factory=list)  # [step] best bid, best ask
    last: list[int] = field(default_factory=list)  # [step] price of the last trade before it
    impact: list[tuple[float, float]] = field(default_factory=list)  # [5 s] impact bid, impact ask


def tables(hour: Hour, listed: Listed) -> Tables:
    """Build the lookup tables of an instrument from what was measured."""
    figures, model, lot = hour.figures(listed), hour.model, float(listed.lot)
    return Tables(
        best=draws.lookup(QUANTILES, figures["depth_best"], lot),
        near=draws.lookup(QUANTILES, figures["depth_near"], lot),
        far=[draws.lookup(QUANTILES, table, lot) for table in figures["depth_far"]],
        gap=draws.lookup(QUANTILES, figures["gap_ticks"], 1.0),
        reach=hour.reach(listed),
        best_redraw=model["best_redraw"],
        best_jitter=model["best_jitter"],
        deep_redraw=model["deep_redraw"],
        deep_replace=model["deep_replace"],
        far_redraw=model["far_redraw"],
        refill=model["refill"],
    )


class Maker:
    """Runs one instrument through the hour."""

    def __init__(
        self, hour: Hour, listed: Listed, price: Floats, generator: np.random.Generator
    ) -> None:
        self.hour, self.listed, self.model = hour, listed, hour.model
        figures = hour.figures(listed)
        activity = hour.over_time("activity")
        self.price: list[float] = (price * listed.ticks_per_unit).tolist()
        step_volatility = hour.model["volatility_bp"] * 1e-4 * activity
        band = hour.model["band"] * hour.values["band"] * step_volatility
        self.band: list[float] = (band * price * listed.ticks_per_unit).tolist()
        self.rate = self.rates(activity, float(figures["orders_per_s"]), generator)
        self.depth_scale: list[float] = hour.over_time("depth").tolist()
        self.sell: list[float] = hour.over_time("sell").tolist()
        self.forced: list[float] = hour.over_time("liquidation").tolist()
        wide = hour.over_time("wide_bp") * 1e-4 * price * listed.ticks_per_unit
        self.wide: list[float] = wide.tolist()
        self.one_tick = 1.0 - self.model["wide"] * (1.0 - float(figures["spread_one_tick_share"]))
        self.wide_table = draws.lookup(QUANTILES, figures["spread_wide_ticks"], 1.0)
        self.size_table = draws.lookup(QUANTILES, figures["order_size"], float(listed.lot))
        self.uniform: Callable[[], float] = draws.stream(generator)
        self.market = Market()
        bid, ask = self.target(0)
        made = tables(hour, listed)
        self.bids, self.asks = Side(made, self.uniform, bid), Side(made, self.uniform, -ask)
        self.buying = True
        self.last = bid

    def rates(
        self, activity: Floats, orders_per_s: float, generator: np.random.Generator
    ) -> list[float]:
        """Expected orders of each step before the burst factor."""
        model = self.model
        swing = model["rate_swing"]
        slow = draws.autoregressive(draws.normals(generator, HOUR_STEPS + 1), model["rate_keep"])
        base = orders_per_s * STEP_MS / 1000 * self.hour.values["orders"] * model["rate_level"]
        rate: list[float] = (
            base * activity * draws.exponential(swing * slow - swing * swing / 2)
        ).tolist()
        return rate

    def target(self, step: int) -> tuple[int, int]:
        """Draw the touch around the hidden price: mostly one tick wide."""
        spread = 1
        if self.uniform() >= self.one_tick:
            spread = self.wide_table[int(self.uniform() * CELLS)]
        spread += int(self.wide[step] * 2.0 * self.uniform())
        bid = floor(self.price[step] - spread / 2 + 0.5)
        return bid, bid + spread

    def count(self, rate: float) -> int:
        """Draw a Poisson count by inversion."""
        term = 1.0 - min(rate, 30.0) * 2.0**-20
        for _ in range(20):
            term *= term
        drawn, reached, count = self.uniform(), term, 0
        while drawn >= reached and count < 80:
            count += 1
            term = term * rate / count
            reached += term
        return count

    def orders(self, step: int, distance: float, targets: tuple[int, int]) -> None:
        """Let the orders of a step arrive, in order of time."""
        model, uniform = self.model, self.uniform
        reach = min(abs(distance), 3.0)
        count = self.count(self.rate[step] * (1.0 + model["burst"] * reach * reach))
        if not count:
            return
        lean = model["lean"] * max(-1.0, min(1.0, distance))
        buy_share = max(0.02, min(0.98, 0.5 + lean - self.sell[step]))
        room = self.band[step] * 1.5
        middle = (self.bids.keys[0] - self.asks.keys[0]) / 2
        limits = (-max(targets[1], floor(middle + room)), min(targets[0], floor(middle - room)))
        start = step * STEP_MS + self.listed.phase + 1
        times = sorted(int(uniform() * (STEP_MS - 1)) for _ in range(count))
        sweep = times[int(uniform() * count)] if uniform() < model["sweep"] else -1
        for time in times:
            if uniform() >= model["repeat"]:
                self.buying = uniform() < buy_share
            side, limit = (self.asks, limits[0]) if self.buying else (self.bids, limits[1])
            lots = self.size_table[int(uniform() * CELLS)]
            if time == sweep and abs(distance) > 1.0 and self.buying == (distance > 0.0):
                lots = max(lots, side.better(-targets[1] if self.buying else targets[0]))
            prints = side.take(lots, limit)
            if prints:
                self.record(start + time, step, prints)
            side.refill()

    def record(self, time: int, step: int, prints: list[tuple[int, int]]) -> None:
        """Keep the prints of an order, and its liquidation if it was one."""
        o = 1 if self.buying else -1
        rows = [(time, o, -o * key, lots) for key, lots in prints]
        self.market.trades.extend(rows)
        self.last = rows[-1][2]
        forced = self.forced[step]
        if forced and self.listed.market != "spot":
            share = forced if o < 0 else forced * 0.15
            if self.uniform() < share:
                lots = sum(row[3] for row in rows)
                mean = sum(row[2] * row[3] for row in rows) / lots
                self.market.forced.append((time, o, round(mean), lots))

    def touch_after(self, step: int, distance: float) -> tuple[int, int]:
        """Return the touch at the end of ``step``: moved, narrowed or as it was."""
        bid, ask = self.bids.keys[0], -self.asks.keys[0]
        if abs(distance) > 1.0:
            return self.target(step + 1)
        if ask - bid > 1 + self.wide[step] and self.uniform() < 0.5:
            bid, ask = self.target(step + 1)
        return bid, ask

    def impact(self, step: int) -> tuple[float, float]:
        """Mean prices, in ticks, of selling and buying the impact notional."""
        price, notional = self.price[step], self.hour.funding["impact_notional_usd"]
        if self.listed.face:
            lots = notional / self.listed.face
        else:
            lots = notional / (price / self.listed.ticks_per_unit * float(self.listed.lot))
        return self.bids.impact_price(lots), -self.asks.impact_price(lots)

    def run(self) -> Market:
        """Generate the hour."""
        market = self.market
        shown: tuple[dict[int, int], dict[int, int]] = ({}, {})
        for step in range(self.hour.steps):
            now = (self.bids.show(), self.asks.show())
            tell(market, step, shown, now)
            shown = now
            bid, ask = self.bids.keys[0], -self.asks.keys[0]
            market.touch.append((bid, ask))
            market.last.append(self.last)
            if step % PREMIUM_STEPS == 0:
                market.impact.append(self.impact(step))
            distance = (self.price[step + 1] - (bid + ask) / 2) / max(self.band[step], 1.0)
            targets = self.touch_after(step, distance)
            self.orders(step, distance, targets)
            stretch = 1.0 + 2.0 * self.wide[step] * 1e4 / self.price[step]
            for side, best in ((self.bids, targets[0]), (self.asks, -targets[1])):
                side.scale, side.stretch = self.depth_scale[step], stretch
                side.settle(best)
                side.refresh()
        return market


def tell(
    market: Market,
    step: int,
    before: tuple[dict[int, int], dict[int, int]],
    now: tuple[dict[int, int], dict[int, int]],
) -> None:
    """Append the changes of the displayed book; removals first, so that no row crosses it."""
    for o, old, new in zip((1, -1), before, now, strict=True):
        market.depth.extend((step, o, o * key, 0) for key in old if key not in new)
    for o, old, new in zip((1, -1), before, now, strict=True):
        market.depth.extend((step, o, o * k, q) for k, q in new.items() if old.get(k) != q)
