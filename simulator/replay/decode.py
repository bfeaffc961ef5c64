"""Lines of a recorded Binance stream, decoded into one typed frame for each kind of message.

A line is ``receive_stamp {json}``; the JSON is a message of a raw stream, the same inside a
combined stream's ``{"stream": ..., "data": ...}``, or the body of a REST depth snapshot.  What a
line is is told by its content.  Prices and quantities become integers in 1e-8, stamps ns since
1970 UTC.

A line that cannot be understood raises ``InputError`` with file, line and field; lines of a known
kind that the tape has no place for are counted as left out.
Source of the fields: Binance's API documentation of spot, USDⓈ-M and COIN-M streams.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from simulator.errors import InputError
from simulator.files import TOO_DEEP
from simulator.market.tape import LAST_NS
from simulator.replay.batch import Job
from simulator.replay.lines import first_line

LEVELS = pl.List(pl.List(pl.String()))

Fields = dict[str, pl.DataType]

REQUIRED: dict[str, Fields] = {
    "depthUpdate": {
        "E": pl.Int64(),
        "s": pl.String(),
        "U": pl.Int64(),
        "u": pl.Int64(),
        "b": LEVELS,
        "a": LEVELS,
    },
    "bookTicker": {
        "u": pl.Int64(),
        "s": pl.String(),
        "b": pl.String(),
        "B": pl.String(),
        "a": pl.String(),
        "A": pl.String(),
    },
    "trade": {
        "E": pl.Int64(),
        "s": pl.String(),
        "t": pl.Int64(),
        "p": pl.String(),
        "q": pl.String(),
        "m": pl.Boolean(),
    },
    "aggTrade": {
        "E": pl.Int64(),
        "s": pl.String(),
        "a": pl.Int64(),
        "p": pl.String(),
        "q": pl.String(),
        "m": pl.Boolean(),
    },
    "markPriceUpdate": {"E": pl.Int64(), "s": pl.String(), "p": pl.String()},
    "forceOrder": {
        "E": pl.Int64(),
        "o": pl.Struct({name: pl.String() for name in ("s", "S", "q", "p", "ap", "z")}),
    },
    "snapshot": {"lastUpdateId": pl.Int64(), "bids": LEVELS, "asks": LEVELS},
    "partialDepth": {"lastUpdateId": pl.Int64(), "bids": LEVELS, "asks": LEVELS},
    "partialUpdate": {
        "E": pl.Int64(),
        "s": pl.String(),
        "u": pl.Int64(),
        "b": LEVELS,
        "a": LEVELS,
    },
}
"""Fields that a message of a kind must have."""

OPTIONAL: dict[str, Fields] = {
    "depthUpdate": {"pu": pl.Int64(), "ps": pl.String()},
    "bookTicker": {"e": pl.String(), "E": pl.Int64(), "ps": pl.String()},
    "trade": {"X": pl.String(), "M": pl.Boolean()},
    "aggTrade": {"M": pl.Boolean()},
    "markPriceUpdate": {"i": pl.String(), "r": pl.String(), "T": pl.Int64()},
    "forceOrder": {},
    "snapshot": {"symbol": pl.String(), "E": pl.Int64(), "pair": pl.String()},
    "partialDepth": {"E": pl.Int64()},
    "partialUpdate": {"ps": pl.String()},
}
"""Fields that it may have; null where it has not."""

DECIMALS: dict[str, tuple[str, ...]] = {
    "bookTicker": ("b", "B", "a", "A"),
    "trade": ("p", "q"),
    "aggTrade": ("p", "q"),
    "markPriceUpdate": ("p",),
    "forceOrder": ("q", "p"),
}
"""Required fields that hold a decimal number."""

SIGNED = {"r"}
MAY_BE_EMPTY: dict[str, tuple[str, ...]] = {
    "markPriceUpdate": ("i", "r"),
    "forceOrder": ("ap", "z"),
}
"""Decimal fields that may be absent or an empty string."""

SHORT, HEAD = 200, 160
"""Bytes below which a line may be blank, and within which a message's wrapping shows."""

FIRST_YEAR_MS, LAST_YEAR_MS = 1_230_768_000_000, 4_102_444_800_000  # 2009 and 2100


@dataclass(slots=True)
class Messages:
    """The messages of one chunk of one file, a frame for each kind that occurs.

    Every frame has ``number`` (line), ``receive_ns``, ``s`` (symbol, null for most snapshots) and
    ``E`` in ns (null where the message has none).
    """

    path: Path
    frames: dict[str, pl.DataFrame] = field(default_factory=dict)

    def where(self, number: int) -> str:
        """Name a line for the user."""
        return f"{self.path}: line {number}"


def decode(lines: pl.DataFrame, path: Path, job: Job) -> Messages:
    """Decode the lines (columns ``number`` and ``text``) of one chunk of a file."""
    messages = Messages(path)
    lines = _expand_arrays(_split(_without_blank(lines, messages, job), messages))
    for (kind,), part in lines.partition_by("kind", as_dict=True, maintain_order=True).items():
        name = str(kind)
        if name in REQUIRED:
            messages.frames[name] = _typed(part, name, messages)
        else:
            first = messages.where(int(part["number"][0]))
            job.leave_out(name, first, part.height)
    return messages


def without_cut_off(lines: pl.DataFrame, path: Path, job: Job) -> pl.DataFrame:
    """Leave out the last line of a file if it was cut off, as where a recorder was stopped.

    For the last chunk of a file that does not end with a line end.
    """
    text = str(lines["text"][-1] or "")
    start = next((at for at, one in enumerate(text) if one in "{["), len(text))
    try:
        json.loads(text[start:])
    except (ValueError, RecursionError):
        job.leave_out("line_cut_off", Messages(path).where(int(lines["number"][-1])))
        return lines[:-1]
    return lines


def _without_blank(lines: pl.DataFrame, messages: Messages, job: Job) -> pl.DataFrame:
    blank = lines["text"].str.len_bytes() < SHORT
    if not blank.any():
        return lines
    blank &= lines["text"].str.strip_chars().str.len_bytes() == 0
    if not blank.any():
        return lines
    at = lines.filter(blank)
    job.leave_out("blank_line", messages.where(int(at["number"][0])), at.height)
    return lines.filter(~blank)


def _split(lines: pl.DataFrame, messages: Messages) -> pl.DataFrame:
    """Return columns ``number``, ``receive_ns``, ``json`` and ``kind`` of the lines."""
    # A raw stream's message may be a list, such as !markPrice@arr's.
    brace = pl.col("text").str.find(r"[\{\[]")
    stamp = pl.col("text").str.slice(0, brace).str.strip_chars()
    frame = lines.select(
        "number",
        stamp.cast(pl.Int64, strict=False).alias("r"),
        pl.col("text").str.slice(brace).alias("json"),
    )
    bad = frame.filter(pl.col("json").is_null())
    if bad.height:
        raise InputError(f"{messages.where(int(bad['number'][0]))}: no JSON object in the line")
    bad = frame.filter(pl.col("r").is_null() | (pl.col("r") < 0) | (pl.col("r") > LAST_NS))
    if bad.height:
        raise InputError(
            f"{messages.where(int(bad['number'][0]))}: receive_ns: the line must begin with an "
            "integer time stamp and a space"
        )
    return frame.select(
        "number", _nanoseconds("r").alias("receive_ns"), "json", _kind(frame).alias("kind")
    )


def _nanoseconds(name: str) -> pl.Expr:
    """Stamps of s, ms, us or ns as ns, told by their size."""
    stamp = pl.col(name)
    return (
        pl.when(stamp < 10**11)
        .then(stamp * 10**9)
        .when(stamp < 10**14)
        .then(stamp * 10**6)
        .when(stamp < 10**17)
        .then(stamp * 10**3)
        .otherwise(stamp)
    )


def _kind(frame: pl.DataFrame) -> pl.Series:
    """Return the event type of each line, or what a line without one is by its keys."""
    text = pl.col("json")
    named = frame.select(text.str.extract(r'"e"\s*:\s*"(\w+)"', 1)).to_series()
    # Futures' partial depth looks like an update, but its levels are the whole top of the book.
    # Without a stream's name it cannot be told from one.
    partial = frame.select(text.str.head(HEAD).str.contains(r'@depth(5|10|20)["@]')).to_series()
    if not partial.any() and not named.null_count():
        return named
    keyed = (
        pl.when(partial & text.str.contains('"lastUpdateId"', literal=True))
        .then(pl.lit("partialDepth"))
        .when(partial)
        .then(pl.lit("partialUpdate"))
        .when(text.str.contains('"lastUpdateId"', literal=True))
        .then(pl.lit("snapshot"))
        .when(text.str.contains('"B"', literal=True) & text.str.contains('"u"', literal=True))
        .then(pl.lit("bookTicker"))
        .when(text.str.contains(r'^\{\s*"(result|error|id|code)"\s*:'))
        .then(pl.lit("control_message"))
        .otherwise(pl.lit("snapshot"))
    )
    named = pl.select(pl.when(~partial).then(named)).to_series()
    return pl.select(pl.coalesce(named, frame.select(keyed).to_series())).to_series()


def _expand_arrays(lines: pl.DataFrame) -> pl.DataFrame:
    """Turn a message whose data is a list (``!markPrice@arr``) into one line for each element."""
    many = lines["json"].str.head(HEAD).str.contains(r'^\[|"data"\s*:\s*\[')
    if not many.any():
        return lines
    rows = []
    for number, stamp, text, kind in lines.filter(many).iter_rows():
        try:
            message = json.loads(text)
            elements = message if isinstance(message, list) else message["data"]
        except (ValueError, TypeError, KeyError, RecursionError):
            rows.append((number, stamp, text, kind))
            continue
        rows.extend((number, stamp, json.dumps(element), kind) for element in elements)
    expanded = pl.DataFrame(rows, schema=lines.schema, orient="row")
    return pl.concat([lines.filter(~many), expanded]).sort("number", maintain_order=True)


def _typed(lines: pl.DataFrame, kind: str, messages: Messages) -> pl.DataFrame:
    fields = pl.Struct(REQUIRED[kind] | OPTIONAL[kind])
    wrapped = lines["json"].str.head(HEAD).str.contains(r'^\{[^{\[]*"data"\s*:')
    parts = []
    for inside, shape in ((True, pl.Struct({"data": fields})), (False, fields)):
        part = lines.filter(wrapped if inside else ~wrapped)
        if not part.height:
            continue
        try:
            decoded = part["json"].str.json_decode(shape).struct.unnest()
        except pl.exceptions.PolarsError as error:
            _refuse(part, kind, messages, first_line(error))
        decoded = decoded["data"].struct.unnest() if inside else decoded
        parts.append(part.select("number", "receive_ns").hstack(decoded))
    frame = pl.concat(parts) if len(parts) == 1 else pl.concat(parts).sort("number")
    missing = frame.filter(pl.any_horizontal(pl.col(*REQUIRED[kind]).is_null()))
    if missing.height:
        lines = lines.filter(pl.col("number") == missing["number"][0])
        _refuse(lines, kind, messages, "a field is missing")
    if kind == "partialDepth":
        # Spot's names its symbol only in the name of the stream, so it is never alone.
        symbol = lines["json"].str.extract(r'"stream"\s*:\s*"([^"@]+)@', 1).str.to_uppercase()
        frame = frame.with_columns(symbol.alias("s"))
        frame = frame.rename({"lastUpdateId": "u", "bids": "b", "asks": "a"})
    return _checked(_flat(frame, kind), kind, messages)


def _flat(frame: pl.DataFrame, kind: str) -> pl.DataFrame:
    if kind == "forceOrder":
        return frame.unnest("o")
    if kind == "snapshot":
        return frame.rename({"symbol": "s"})
    return frame


def _checked(frame: pl.DataFrame, kind: str, messages: Messages) -> pl.DataFrame:
    """Turn stamps into ns and decimals into 1e-8, refusing what is neither."""
    if "E" in frame.columns:
        frame = frame.with_columns(_nanoseconds("E"))
        wrong = ~pl.col("E").is_between(FIRST_YEAR_MS * 10**6, LAST_YEAR_MS * 10**6)
        bad = frame.filter(wrong)
        if bad.height:
            where = messages.where(int(bad["number"][0]))
            raise InputError(f"{where}: field E: not a time in ms since 1970")
    optional = MAY_BE_EMPTY.get(kind, ())
    for name in optional:
        frame = frame.with_columns(pl.when(pl.col(name) != "").then(pl.col(name)))
    for name in DECIMALS.get(kind, ()):
        bad = frame.filter(pl.col(name).is_null() | pl.col("s").is_null())
        if bad.height:
            raise InputError(f"{messages.where(int(bad['number'][0]))}: field {name}: is missing")
    for name in (*DECIMALS.get(kind, ()), *optional):
        values = in_e8(frame[name])
        refuse_bad(frame[name], values, frame["number"], name, messages)
        frame = frame.with_columns(values)
    return frame


MOST_UNITS = 92_233_720_368
"""Largest number that int64 holds in 1e-8."""


def in_e8(text: pl.Series) -> pl.Series:
    """Return decimal numbers as integers in 1e-8, null where they are none."""
    exact = text.cast(pl.Decimal(38, 8), strict=False)
    fits = exact.is_between(-MOST_UNITS, MOST_UNITS)
    exact = pl.select(pl.when(fits).then(exact)).to_series()
    return (exact * 10**8).cast(pl.Int64, strict=False).alias(text.name)


def refuse_bad(
    text: pl.Series, values: pl.Series, numbers: pl.Series, name: str, messages: Messages
) -> None:
    """Raise ``InputError`` for the first text that is no decimal, negative or too fine."""
    bad = values.is_null() & text.is_not_null()
    if name not in SIGNED:
        bad |= (values < 0).fill_null(False)
    bad |= text.str.contains(r"\.\d{8}\d*[1-9]").fill_null(False)
    if bad.any():
        at = bad.arg_true()[0]
        raise InputError(
            f"{messages.where(int(numbers[at]))}: field {name}: {text[at]!r} is not a decimal "
            "number of at most 8 decimals" + ("" if name in SIGNED else ", 0 to 92233720368")
        )


def _refuse(lines: pl.DataFrame, kind: str, messages: Messages, why: str) -> None:
    """Find the first bad line by decoding one after the other, and raise ``InputError``."""
    for number, text in lines.select("number", "json").iter_rows():
        where = messages.where(number)
        try:
            message = json.loads(text)
        except RecursionError:
            raise InputError(f"{where}: {TOO_DEEP}") from None
        except ValueError as error:
            raise InputError(f"{where}: not valid JSON: {error}") from None
        body = message.get("data", message) if isinstance(message, dict) else message
        if not isinstance(body, dict):
            raise InputError(f"{where}: field data: must be a JSON object")
        _check_fields(body, REQUIRED[kind], OPTIONAL[kind], where)
    raise InputError(f"{messages.path}: a {kind} message cannot be read: {why}")


def _check_fields(body: Mapping[str, Any], required: Fields, more: Fields, where: str) -> None:
    for name, dtype in (required | more).items():
        value = body.get(name)
        if value is None:
            if name in required:
                raise InputError(f"{where}: field {name}: is missing")
            continue
        if isinstance(dtype, pl.Struct) and not isinstance(value, dict):
            raise InputError(f"{where}: field {name}: must be a JSON object")
        if dtype == pl.Int64() and (not isinstance(value, int) or abs(value) >= 2**63):
            raise InputError(f"{where}: field {name}: {value!r} is not an integer")
        if dtype == pl.Boolean() and not isinstance(value, bool):
            raise InputError(f"{where}: field {name}: {value!r} is not true or false")
        if dtype == pl.String() and not isinstance(value, str | int | float):
            raise InputError(f"{where}: field {name}: {value!r} is not a text")
        if dtype == LEVELS and not isinstance(value, list):
            raise InputError(f"{where}: field {name}: must be a list of [price, quantity]")
