"""Tables and recordings with cells, rows, messages or lines changed."""

from __future__ import annotations

import json
from random import Random

from tests.fuzz.mutate import changed_text, mutated, near, odd
from tests.fuzz.written import as_json


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
    found = near(number, random)
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
            except (ValueError, RecursionError):
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
