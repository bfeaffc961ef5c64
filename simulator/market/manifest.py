"""The manifest beside a tape: what it holds, where that came from, what was found on the way."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from simulator.errors import InputError
from simulator.instruments.instrument import Instrument, Market
from simulator.instruments.symbols import terms_of

BookSource = Literal["depth", "orders", "quote", "trade", "bar", "none"]
"""What the displayed book of an instrument can be built from, the best that the tape holds."""


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(_Document):
    """A file that went into the tape."""

    name: str
    sha256: str
    size: int


class Finding(_Document):
    """A kind of problem, or of rows left out by a rule: how often, and where first."""

    count: int
    first: list[str] = Field(default_factory=list)


class Tops(_Document):
    """Comparisons of the rebuilt book's best levels with book tickers of the same update id."""

    compared: int = 0
    agreed: int = 0


class Listed(_Document):
    """An instrument of the tape with its filters; amounts as ``Instrument`` has them.

    ``expiry_ns`` 0: what the symbol tells.
    """

    market: Market
    symbol: str
    base: str
    quote: str
    tick: Decimal
    lot: Decimal
    contract_size: Decimal
    min_quantity: Decimal
    min_notional: Decimal
    max_quantity: Decimal
    filters_from: str
    book: BookSource
    rows: dict[str, int]
    tops: Tops = Tops()
    expiry_ns: int = 0

    @property
    def name(self) -> str:
        """Full name, ``market:symbol``."""
        return f"{self.market}:{self.symbol}"

    def instrument(self) -> Instrument:
        """Return it as the type that the engine uses."""
        terms = terms_of(self.market, self.symbol)
        return Instrument(
            market=self.market,
            symbol=self.symbol,
            base=self.base,
            quote=self.quote,
            tick=self.tick,
            lot=self.lot,
            contract_size=self.contract_size,
            min_quantity=self.min_quantity,
            min_notional=self.min_notional,
            max_quantity=self.max_quantity,
            expiry_ns=self.expiry_ns or terms.expiry_ns,
            strike=terms.strike,
            right=terms.right,
        )


class Latency(_Document):
    """Receive stamp less event time over all rows that have both, in ns.

    ``offset`` is the smallest: the recorder's clock runs at least that far from the exchange's
    (negative: behind).  Mean and median are of the latency after the offset is taken out.
    """

    offset: int = 0
    mean: int = 0
    median: int = 0


class Manifest(_Document):
    """What a tape holds; written as ``NAME.manifest.json``."""

    format: Literal["unimargin-tape"] = "unimargin-tape"
    version: Literal[1] = 1
    tape: str
    sha256: str
    rows: int
    first_ns: int
    last_ns: int
    instruments: list[Listed]
    sources: list[Source]
    on_gap: str
    latency: Latency = Latency()
    findings: dict[str, Finding] = Field(default_factory=dict)
    left_out: dict[str, Finding] = Field(default_factory=dict)
    notes: list[str] = Field(default_factory=list)


def manifest_path(tape: Path) -> Path:
    """Return where a tape's manifest stands."""
    return tape.with_name(tape.name.removesuffix(".parquet") + ".manifest.json")


def read_manifest(tape: Path) -> Manifest:
    """Read a tape's manifest; raises ``InputError`` if it is missing or not one."""
    path = manifest_path(tape)
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"{tape}: no manifest beside it ({path.name}): {error.strerror}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{path}: field {where or '(document)'}: {first['msg']}") from None


def write_manifest(tape: Path, manifest: Manifest) -> None:
    """Write a tape's manifest beside it."""
    text = manifest.model_dump_json(indent=2) + "\n"
    manifest_path(tape).write_text(text, encoding="utf-8")


def sha256_of(path: Path) -> str:
    """Return a file's SHA-256 in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
