"""What a market costs when a run begins: the first price of every instrument that the data tell.

A mark price where the data have one, else the mid of the first book, else the first trade or bar.
Read from the first rows of the data, before the run begins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from simulator.instruments.instrument import Instrument
from simulator.market.tape import Kind
from simulator.replay.player import Block, Player

UNIT = 1e-8
BLOCKS = 8
"""Most blocks that are read; a price that comes later is no first price."""


@dataclass(slots=True)
class FirstPrices:
    """Prices by instrument's name, quote units; ``index`` as rows tell it, by base asset, in the
    instrument's quote asset.
    """

    price: dict[str, float] = field(default_factory=dict)
    index: dict[str, float] = field(default_factory=dict)


def first_prices(player: Player, listed: Sequence[Instrument]) -> FirstPrices:
    """Return the first prices of a player's data; what has none is missing."""
    found = FirstPrices()
    for number, block in enumerate(player.blocks()):
        for at, one in enumerate(listed):
            rows = np.flatnonzero(block.instrument == at)
            if one.name not in found.price:
                price = _price(block, rows, float(one.tick))
                if price > 0:
                    found.price[one.name] = price
            told = rows[block.kind[rows] == Kind.INDEX]
            if one.base not in found.index and told.size:
                found.index[one.base] = float(block.price[told[0]]) * UNIT
        if len(found.price) == len(listed) or number + 1 == BLOCKS:
            break
    return found


def _price(block: Block, rows: npt.NDArray[np.intp], tick: float) -> float:
    """First price that an instrument's rows of a block tell, 0 where they tell none."""
    kind = block.kind[rows]
    marks = rows[kind == Kind.MARK]
    if marks.size:
        return float(block.price[marks[0]]) * UNIT
    depth = rows[(kind == Kind.DEPTH) & (block.quantity[rows] > 0)]
    if depth.size:
        first = depth[block.time_ns[depth] == block.time_ns[depth[0]]]
        bids = block.price[first[block.side[first] > 0]]
        asks = block.price[first[block.side[first] < 0]]
        if bids.size and asks.size:
            return (float(bids.max()) + float(asks.min())) / 2 * tick
    traded = rows[np.isin(kind, (Kind.TRADE, Kind.BAR_OPEN))]
    return float(block.price[traded[0]]) * tick if traded.size else 0.0


def first_index(
    assets: Sequence[str],
    listed: Sequence[Instrument],
    sources: Sequence[int],
    cash: Sequence[str],
    told: FirstPrices,
) -> Mapping[str, float]:
    """Return the index of assets at the first prices, USDT: of cash 1, else as a row tells it, else
    the price of the instrument that is its source [asset], below 0: none.
    """
    found = {asset: 1.0 for asset in assets if asset in cash}
    for asset, source in zip(assets, sources, strict=True):
        if asset in told.index:
            found[asset] = told.index[asset]
        elif asset not in found and source >= 0 and listed[source].name in told.price:
            found[asset] = told.price[listed[source].name] * found.get(listed[source].quote, 1.0)
    return found
