"""Valid documents and files made slightly, or badly, wrong.

Every function takes a ``random.Random`` (or what Hypothesis gives in its place), so that one set of
mutators serves Hypothesis, the campaign of ``make fuzz`` and the coverage-guided harness.  A
document that is right but for one or two places reaches code behind the first check; bytes changed
at random do not.
"""

from __future__ import annotations

import copy
import gzip
import io
import json
import lzma
import zipfile
from collections.abc import Callable
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


# --- documents as trees ---------------------------------------------------------------------------


def places(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the paths of all values of a tree of dicts and lists."""
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
        table[key] = _near(value, random)
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


def _near(value: Any, random: Random) -> Any:
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


# --- the same as text -----------------------------------------------------------------------------


def as_json(tree: Any) -> str:
    """Return a document as JSON; NaN and infinities stand as Python writes them."""
    try:
        return json.dumps(tree)
    except RecursionError:
        return _brackets(tree)


def _brackets(tree: Any) -> str:
    """Return a tree that json.dumps cannot go through: only how deep it is matters."""
    del tree
    return '{"a": ' * DEEP + "1" + "}" * DEEP


def as_toml(tree: dict[str, Any]) -> str:
    """Return tables as TOML; what TOML has no words for stands as text."""
    try:
        return "".join(f"{_key(key)} = {_toml(value)}\n" for key, value in tree.items())
    except RecursionError:
        return "a = " + "[" * DEEP + "]" * DEEP + "\n"


def _key(key: Any) -> str:
    return json.dumps(str(key), ensure_ascii=False)


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return _digits(value)
    if isinstance(value, float):
        text = repr(value)
        return text if "." in text or "n" in text or "e" in text else f"{text}.0"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(k)} = {_toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return str(value) if hasattr(value, "isoformat") else json.dumps(str(value))


def _digits(value: int) -> str:
    try:
        return str(value)
    except ValueError:
        return "9" * 5000


def encoded(text: str, random: Random) -> bytes:
    """Return a text as bytes: UTF-8, rarely something else."""
    kind = random.randrange(40)
    if kind == 0:
        return b"\xef\xbb\xbf" + text.encode(errors="replace")
    if kind == 1:
        return text.encode("utf-16", errors="replace")
    if kind == 2:
        return text.encode("latin-1", errors="replace")
    if kind == 3:
        return text.replace("\n", "\r\n").encode(errors="replace")
    return text.encode(errors="replace")


# --- tables of text -------------------------------------------------------------------------------


def changed_csv(text: str, random: Random) -> str:
    """Return a table with cells, rows or columns changed."""
    lines = text.split("\n")
    for _ in range(random.choice((1, 1, 2, 4))):
        row = random.randrange(len(lines))
        cells = lines[row].split(",")
        column = random.randrange(len(cells))
        kind = random.randrange(16)
        if kind < 6:
            cells[column] = str(odd(random))
        elif kind < 9:
            cells[column] = _odd_number(cells[column], random)
        elif kind == 9:
            del cells[column]
        elif kind == 10:
            cells.insert(column, str(odd(random)))
        elif kind == 11:
            cells[column] = f'"{cells[column]}"' if random.random() < 0.7 else f'"{cells[column]}'
        lines[row] = ",".join(cells)
        if kind == 12:
            lines.insert(row, lines[random.randrange(len(lines))])
        elif kind == 13:
            lines.insert(row, random.choice(("", "   ", ",", "," * 20, "x", "\x00", "﻿")))
        elif kind == 14:
            other = random.randrange(len(lines))
            lines[row], lines[other] = lines[other], lines[row]
        elif kind == 15:
            del lines[row]
            lines = lines or [""]
    return "\n".join(lines)


def _odd_number(text: str, random: Random) -> str:
    try:
        number = float(text)
    except ValueError:
        return changed_text(text, random) if text else str(odd(random))
    found = _near(number, random)
    return (
        str(int(found))
        if found == found and abs(found) < 1e300 and random.random() < 0.6
        else str(found)
    )


def changed_stream(text: str, random: Random) -> str:
    """Return a recording with messages, stamps or lines changed."""
    lines = text.split("\n")
    for _ in range(random.choice((1, 1, 2, 3))):
        row = random.randrange(len(lines))
        kind = random.randrange(12)
        stamp, space, body = lines[row].partition(" ")
        if kind < 8 and space:
            try:
                lines[row] = f"{stamp} {as_json(mutated(json.loads(body), random, 1))}"
            except ValueError:
                lines[row] = changed_text(lines[row], random)
        elif kind == 8:
            lines[row] = f"{odd(random)} {body}"
        elif kind == 9:
            lines[row] = changed_text(lines[row], random)
        elif kind == 10:
            other = random.randrange(len(lines))
            lines[row], lines[other] = lines[other], lines[row]
        elif random.random() < 0.5:
            lines.insert(row, lines[random.randrange(len(lines))])
        else:
            del lines[row]
            lines = lines or [""]
    return "\n".join(lines)


# --- bytes ----------------------------------------------------------------------------------------


def changed_bytes(data: bytes, random: Random) -> bytes:
    """Return bytes with some changed, cut out, put in, doubled or moved."""
    made = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 3, 8))):
        size = len(made)
        spot = random.randrange(size) if size else 0
        kind = random.randrange(9)
        if not size or kind == 0:
            made[spot:spot] = bytes(random.randrange(256) for _ in range(random.randrange(1, 9)))
        elif kind == 1:
            made[spot] = random.randrange(256)
        elif kind == 2:
            made[spot] ^= 1 << random.randrange(8)
        elif kind == 3:
            del made[spot : spot + random.choice((1, 2, 4, 8, 64, size))]
        elif kind == 4:
            made[spot : spot + 4] = random.choice(
                (b"\xff\xff\xff\xff", b"\x00" * 4, b"\xff\xff\xff\x7f")
            )
        elif kind == 5:
            made[spot : spot + 8] = random.choice((b"\xff" * 8, b"\xff" * 7 + b"\x7f", b"\x00" * 8))
        elif kind == 6:
            made[spot:spot] = made[spot : spot + random.choice((1, 4, 16, 256))]
        elif kind == 7:
            other = random.randrange(size)
            made[spot], made[other] = made[other], made[spot]
        else:
            del made[random.randrange(size) :]
    return bytes(made)


def zipped(data: bytes, name: str = "BTCUSDT-trades-2024-01-01.csv") -> bytes:
    """Return bytes as the only member of a zip."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(name, (2024, 1, 1, 0, 0, 0)), data)
    return buffer.getvalue()


PACKED: tuple[Callable[[bytes], bytes], ...] = (
    lambda data: gzip.compress(data, mtime=0),
    lzma.compress,
    zipped,
)
"""Ways to compress a file."""
