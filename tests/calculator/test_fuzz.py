"""Goal: no document gives a traceback, and every answer is JSON without NaN or infinity.

Method: Hypothesis builds documents of all products, sound ones and ones with a value replaced by
something else, in both modes and under every bundled rulebook; only InputError may be raised, in
one line.
"""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from simulator import InputError, margin
from simulator.calculator.read import parse
from simulator.calculator.what_if import moved
from simulator.calculator.what_if import parse as parse_moves
from simulator.rulebook.load import names

RULEBOOKS = names()

AMOUNTS = st.decimals(-100_000, 100_000, places=4, allow_nan=False).map(str)
PRICES = st.decimals("0.001", 100_000, places=3, allow_nan=False).map(str)
INSTRUMENTS = st.sampled_from(
    [
        "BTCUSDT",
        "ETHUSDT",
        "BTCUSDT_261225",
        "BTCUSD_PERP",
        "ETHUSD_PERP",
        "BTC-261225-50000-C",
        "ETH-261225-2500-P",
    ]
)


@st.composite
def positions(draw: st.DrawFn) -> dict[str, Any]:
    made: dict[str, Any] = {
        "instrument": draw(INSTRUMENTS),
        "quantity": draw(st.decimals(-50, 50, places=3, allow_nan=False).map(str)),
    }
    if draw(st.booleans()):
        made["entry_price"] = draw(PRICES)
    if draw(st.booleans()):
        made["leverage"] = draw(st.integers(1, 125))
    if draw(st.integers(0, 5)) == 0:
        made["isolated_wallet"] = draw(AMOUNTS)
    return made


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    wallets = st.dictionaries(st.sampled_from(["USDT", "BTC", "ETH"]), AMOUNTS, max_size=2)
    owed = st.fixed_dictionaries(
        {"asset": AMOUNTS, "loan": st.integers(0, 9), "interest": st.integers(0, 1)}
    )
    margin_wallet = st.dictionaries(st.sampled_from(["USDT", "BTC", "ETH"]), owed, max_size=2)
    held = {name: draw(wallets) for name in ("um", "cm", "options")}
    return {
        "mode": draw(st.sampled_from(["separated", "unified"])),
        "rulebook": draw(st.sampled_from(RULEBOOKS)),
        "time": "2026-11-22T00:00:00Z",
        "prices": {
            "index": {"BTC": draw(PRICES), "ETH": draw(PRICES), "USDT": 1},
            "mark": draw(st.dictionaries(INSTRUMENTS, PRICES, max_size=4)),
        },
        "volatility": draw(st.sampled_from([{"BTC": 0.5, "ETH": 0.7}, {"ETH": 3}, {}])),
        "correlation": draw(st.sampled_from([{}, {"BTC/ETH": 0.3}, {"ETH/BTC": -1}])),
        "balances": {**held, "margin": draw(margin_wallet)},
        "positions": draw(st.lists(positions(), max_size=5)),
    }


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**40), 10**40),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["1e999999", "-0", "0", "NaN", "Infinity", "1/3", "BTC/ETH", {}, []]),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=4), st.integers(), max_size=2),
)


def places(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the paths of all values of a document."""
    keys = data.keys() if isinstance(data, dict) else range(len(data))
    found = []
    for key in keys:
        found.append((*path, key))
        if isinstance(data[key], dict | list):
            found += places(data[key], (*path, key))
    return found


def answered(document: Any) -> None:
    try:
        report = margin(document)
    except InputError as error:
        assert "\n" not in str(error)  # noqa: PT017 - the line is what is tested
        assert len(str(error)) < 800  # noqa: PT017
        return
    json.dumps(report, allow_nan=False)
    for pool in report.pools:
        assert pool.level in ("NORMAL", "MARGIN_CALL", "REDUCE_ONLY", "LIQUIDATION", "BANKRUPT")
        assert pool.available >= 0
        assert pool.maintenance_margin >= -1e-9


@settings(max_examples=60)
@given(documents())
def test_documents_are_answered(document: dict[str, Any]) -> None:
    answered(document)


@settings(max_examples=150)
@given(documents(), st.data())
def test_documents_with_something_odd_are_answered(document: dict[str, Any], data: Any) -> None:
    path = data.draw(st.sampled_from(places(document)))
    table: Any = document
    for key in path[:-1]:
        table = table[key]
    if data.draw(st.booleans()) and isinstance(table, dict):
        table[data.draw(st.text(max_size=6))] = table.pop(path[-1])
    else:
        table[path[-1]] = data.draw(ODD)
    answered(document)


@settings(max_examples=100)
@given(st.text(max_size=60))
def test_texts_are_answered(text: str) -> None:
    answered(text + "\n")


@settings(max_examples=40)
@given(
    documents(),
    st.sampled_from(["BTC=-50%", "ETH=0.5,vol=+90%", "+20d,corr=-1", "BTC=1e9", "BTCUSDT=5"]),
)
def test_what_ifs_are_answered(document: dict[str, Any], moves: str) -> None:
    try:
        after = moved(parse(document, "document"), parse_moves(moves))
    except InputError:
        return
    answered(after)
