"""Valid documents and files made slightly, or badly, wrong.

Every function takes a ``random.Random`` (or what Hypothesis gives in its place), so that one set of
mutators serves Hypothesis, the campaign of ``make fuzz`` and the coverage-guided harness.  A
document that is right but for one or two places reaches code behind the first check; bytes changed
at random do not.
"""

from __future__ import annotations

import copy
from random import Random
from typing import Any

NUMBERS: tuple[Any, ...] = (
    0,
    1,
    -1,
    2,
    7,
    10,
    100,
    1_000_000,
    0.5,
    -0.5,
    0.1,
    1e-9,
    1e9,
    1e18,
    1e22,
    1e300,
    -1e300,
    5e-324,
    2**31 - 1,
    2**31,
    2**32,
    2**53,
    2**62,
    2**63 - 1,
    2**63,
    -(2**63),
    -(2**63) - 1,
    2**64,
    10**30,
    10**400,
    float("inf"),
    float("-inf"),
    float("nan"),
    -0.0,
    True,
    False,
)

TEXTS: tuple[str, ...] = (
    "",
    " ",
    "0",
    "-0",
    "-1",
    "1",
    "1e9",
    "1e400",
    "-1e400",
    "1e999999999",
    "1E-999999999",
    "1e-400",
    "NaN",
    "nan",
    "-nan",
    "sNaN",
    "inf",
    "-inf",
    "Infinity",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775809",
    "92233720368.54775807",
    "92233720368.54775808",
    "0.000000001",
    "0.00000000000000000001",
    "1" * 30,
    "9" * 400,
    "1_000",
    "0x10",
    "1,5",
    "½",
    "٣",
    "１２",
    "null",
    "None",
    "true",
    "{}",
    "[]",
    "a\x00b",
    "\x00",
    "a\nb",
    "a\rb",
    "\x1b[31m",
    "\u202e",
    "é" * 20,
    "\ud800",
    "x" * 5000,
    "../../../etc/passwd",
    "/dev/zero",
    ".",
    "..",
    "BTC",
    "USDT",
    "BTCUSDT",
    "um:BTCUSDT",
    "spot:BTCUSDT",
    "cm:BTCUSD_PERP",
    "option:BTC-261225-50000-C",
    "um:",
    ":",
    "um:btc",
    "option:BTC-261325-50000-C",
    "um:BTCUSDT_999999",
    "BTC-261225-0-C",
    "a:b:c",
    "2026-11-22T00:00:00Z",
    "0001-01-01",
    "9999-12-31T23:59:59.999999+14:00",
    "2024-02-30",
    "00:00:00",
    "99999999999:00:00",
    "00:05:00.5",
    "-00:05:00",
    "%s",
    "{0}",
    "{value}",
    "[bold]x[/bold]",
    "[/x]",
    "'; DROP TABLE runs; --",
    "1/3",
    "1/0",
    "all",
    "right",
    "buy",
    "sell",
    "isolated",
    "unified",
    "textbook",
    "binance",
)

DEEP = 2_000
"""Levels of a value nested too deeply: twice what Python's own recursion allows."""


def odd(random: Random, text: bool | None = None) -> Any:
    """Return a value that is probably wrong where it is put; ``text``: as text, or as none."""
    kind = random.randrange(12) if text is None else (6 if text else 0)
    if kind < 4:
        return random.choice(NUMBERS)
    if kind < 8:
        return random.choice(TEXTS)
    if kind == 8:
        return random.choice((None, [], {}, [[]], [{}], {"": ""}, [None], {"law": "pareto"}))
    if kind == 9:
        return random.randrange(-(10**6), 10**6) / random.choice((1, 3, 1000))
    if kind == 10:
        return "".join(
            chr(random.choice((random.randrange(32, 127), random.randrange(1, 0x2FFF))))
            for _ in range(random.randrange(12))
        )
    return str(random.choice(NUMBERS))


def places(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the paths of all values of a tree of dicts and lists; none in a single value."""
    if not isinstance(tree, dict | list):
        return []
    keys: Any = tree.keys() if isinstance(tree, dict) else range(len(tree))
    found: list[tuple[Any, ...]] = []
    for key in keys:
        found.append((*path, key))
        if isinstance(tree[key], dict | list):
            found += places(tree[key], (*path, key))
    return found


def at(tree: Any, path: tuple[Any, ...]) -> Any:
    """Return the value at a path."""
    for key in path:
        tree = tree[key]
    return tree


def nested(random: Random) -> Any:
    """Return a value that is nested deeply."""
    made: Any = random.choice((1, "x", [], {}))
    for _ in range(random.choice((30, 300, DEEP))):
        made = [made] if random.random() < 0.5 else {"a": made}
    return made


def mutated(tree: Any, random: Random, times: int | None = None) -> Any:
    """Return a copy of a document with one to three places changed."""
    tree = copy.deepcopy(tree)
    for _ in range(times or random.choice((1, 1, 1, 2, 3))):
        try:
            paths = places(tree)
        except RecursionError:  # a change before this one nested it
            return tree
        if not paths:
            return tree
        _change(tree, random.choice(paths), paths, random)
    return tree


def _change(tree: Any, path: tuple[Any, ...], paths: list[tuple[Any, ...]], random: Random) -> None:
    *above, key = path
    table = at(tree, tuple(above))
    value = table[key]
    kind = random.randrange(20)
    if kind < 7:
        table[key] = odd(random)
    elif kind < 10:
        table[key] = near(value, random)
    elif kind == 10:
        del table[key]
    elif kind == 11:
        table[key] = copy.deepcopy(at(tree, random.choice(paths)))
    elif kind == 12:
        table[key] = [value]
    elif kind == 13:
        table[key] = {str(odd(random, text=True)): value}
    elif kind == 14 and isinstance(table, dict):
        table[str(odd(random, text=True))] = table.pop(key)
    elif kind == 15 and isinstance(table, dict):
        table[str(odd(random, text=True))] = odd(random)
    elif kind == 16 and isinstance(table, list):
        table.insert(random.randrange(len(table) + 1), copy.deepcopy(value))
    elif kind == 17 and isinstance(table, list):
        random.shuffle(table)
    elif kind == 18 and random.random() < 0.2:
        table[key] = nested(random)
    else:
        table[key] = odd(random, text=isinstance(value, str))


def near(value: Any, random: Random) -> Any:
    """Return a value of the same kind that is a little, or a lot, off."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        factor = random.choice((-1, 0, 2, 0.5, 10, 1000, 1e9, 1e-9, 1.0000001))
        return value * factor if random.random() < 0.8 else value + random.choice((-1, 1, 0.5))
    if isinstance(value, str) and value:
        return changed_text(value, random)
    return value


def changed_text(text: str, random: Random) -> str:
    """Return a text with a character or two changed, cut, doubled or put in."""
    for _ in range(random.choice((1, 1, 2))):
        spot = random.randrange(len(text) + 1)
        kind = random.randrange(5)
        put = random.choice(
            ("0", "9", "-", ".", "e", ",", ":", "/", " ", "\t", "\n", "\x00", "é", '"', "=")
        )
        if kind == 0:
            text = text[:spot] + put + text[spot:]
        elif kind == 1:
            text = text[:spot] + text[spot + 1 :]
        elif kind == 2:
            text = text[:spot] + put + text[spot + 1 :]
        elif kind == 3:
            text = text[:spot]
        else:
            text = text[:spot] + text[max(0, spot - 6) :]
    return text
