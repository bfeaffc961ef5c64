"""Turn generated markets into the columns of a tape (docs/data-formats.md)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from replay_data import draws
from replay_data.books import Market
from replay_data.draws import CELLS, Ints
from replay_data.measure import QUANTILES
from replay_data.rates import Rates, next_funding_ns
from replay_data.recordings import STEP_MS
from replay_data.settings import Hour, Listed
from simulator.market.tape import LAST, SCHEMA, Kind


@dataclass(frozen=True, slots=True)
class Block:
    """Rows of one instrument, ``[row]`` in order of time; ``ms`` counts from the hour's start."""

    ms: Ints
    kind: Ints
    flags: Ints
    side: Ints
    price: Ints
    quantity: Ints
    id: Ints


def block(rows: Ints) -> Block:
    """Make a block of a ``[row, 7]`` array in the order of ``Block``'s fields."""
    return Block(*rows.T)


def depth_block(market: Market, listed: Listed) -> Block:
    """CLEAR and the displayed book, then its changes; one message a step, numbered from 1."""
    step, side, price, quantity = np.array(market.depth, np.int64).T
    last = np.concatenate([step[1:] != step[:-1], [True]])
    ones = np.ones(len(step), np.int64)
    rows = np.stack(
        [
            step * STEP_MS + listed.phase,
            ones * Kind.DEPTH,
            last * LAST,
            side,
            price,
            quantity,
            step + 1,
        ],
        axis=1,
    )
    clear = np.array([[listed.phase, Kind.CLEAR, 0, 0, 0, 0, 1]], np.int64)
    return block(np.concatenate([clear, rows]))


def within(hour: Hour, rows: list[tuple[int, int, int, int]]) -> Ints:
    """Rows before the end; a phase carries the last step's a few ms beyond it."""
    table = np.array(rows, np.int64).reshape(-1, 4)
    return table[table[:, 0] < hour.steps * STEP_MS]


def trade_block(hour: Hour, market: Market) -> Block:
    """Prints, each a message, numbered from 1."""
    ms, side, price, quantity = within(hour, market.trades).T
    ones = np.ones(len(ms), np.int64)
    number = np.arange(1, len(ms) + 1)
    return block(
        np.stack([ms, ones * Kind.TRADE, ones * LAST, side, price, quantity, number], axis=1)
    )


def liquidation_block(hour: Hour, market: Market) -> Block:
    """The largest liquidation order of each second, as Binance's forceOrder stream shows."""
    largest: dict[int, list[int]] = {}
    for row in within(hour, market.forced).tolist():
        held = largest.get(row[0] // 1000)
        if held is None or row[3] > held[3]:
            largest[row[0] // 1000] = row
    rows = [
        [ms, Kind.LIQUIDATION, LAST, o, price, lots, 0] for ms, o, price, lots in largest.values()
    ]
    return block(np.array(rows, np.int64).reshape(-1, 7))


def rates_block(hour: Hour, found: Rates) -> Block:
    """INDEX and MARK each second, FUNDING_ESTIMATE each minute, FUNDING where it is paid."""
    rows: list[list[int]] = []
    for second, (index, mark) in enumerate(
        zip(found.index.tolist(), found.mark.tolist(), strict=True)
    ):
        ms, whole = second * 1000, second % 60 == 0
        rows.append([ms, Kind.INDEX, 0, 0, index, 0, 0])
        rows.append([ms, Kind.MARK, 0 if whole else LAST, 0, mark, 0, 0])
        if whole:
            due = next_funding_ns(hour, second)
            rows.append([ms, Kind.FUNDING_ESTIMATE, LAST, 0, found.estimate[second // 60], due, 0])
        if found.settled is not None and second == 1800:
            rows.append([ms, Kind.FUNDING, LAST, 0, found.settled, 0, 0])
    return block(np.array(rows, np.int64))


def joined(blocks: list[Block]) -> Block:
    """Join blocks of one instrument in order of time; equal times keep the order of the blocks."""
    ms = np.concatenate([b.ms for b in blocks])
    order = np.argsort(ms, kind="stable")
    return Block(
        ms[order],
        *(
            np.concatenate([getattr(b, name) for b in blocks])[order]
            for name in ("kind", "flags", "side", "price", "quantity", "id")
        ),
    )


def receive_ns(hour: Hour, listed: Listed, ms: Ints, generator: np.random.Generator) -> Ints:
    """Receive stamps: event time plus a latency drawn from the recorded ones, in ns.

    Rows of equal time share a stamp, and stamps never decrease, as on one connection.
    """
    figures = hour.figures(listed)
    table = np.array(draws.lookup(QUANTILES, figures["latency_ms"], 0.001), np.int64)
    new = np.concatenate([[True], ms[1:] != ms[:-1]])
    drawn = table[(draws.uniforms(generator, int(new.sum())) * CELLS).astype(np.int64)]
    times = ms[new]
    factor = draws.path(hour.values["latency"], times / 60_000.0)
    microseconds = np.maximum.accumulate(times * 1000 + np.rint(drawn * factor).astype(np.int64))
    stamps: Ints = microseconds[np.cumsum(new) - 1] * 1000 + hour.start_ms * 1_000_000
    return stamps


def tape(hour: Hour, blocks: list[Block], generators: list[np.random.Generator]) -> pl.DataFrame:
    """Merge the instruments' blocks: by time, equal times by instrument order."""
    ms = np.concatenate([b.ms for b in blocks])
    number = np.concatenate([np.full(len(b.ms), i, np.int64) for i, b in enumerate(blocks)])
    order = np.lexsort((number, ms))
    received = [
        receive_ns(hour, listed, b.ms, own)
        for listed, b, own in zip(hour.listed, blocks, generators, strict=True)
    ]
    columns = {
        "time_ns": (ms + hour.start_ms)[order] * 1_000_000,
        "receive_ns": np.concatenate(received)[order],
        "instrument": number[order],
        **{
            name: np.concatenate([getattr(b, name) for b in blocks])[order]
            for name in ("kind", "flags", "side", "price", "quantity", "id")
        },
    }
    return pl.DataFrame(columns).cast(pl.Schema(SCHEMA)).select(*SCHEMA)
