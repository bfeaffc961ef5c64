"""The manifest beside a tape: what it holds, where that came from, what was found on the way."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from simulator.errors import InputError
from simulator.files import text_of
from simulator.instruments.instrument import Instrument, Market
from simulator.instruments.symbols import terms_of
from simulator.market.tape import LAST_NS

BookSource = Literal["depth", "orders", "quote", "trade", "bar", "none"]
"""What the displayed book of an instrument can be built from, the best that the tape holds."""

MANIFEST_BYTES = 64 * 2**20
"""Largest manifest; 10,000 instruments and as many source files have 10 MB."""

MOST_INSTRUMENTS = 2**16
"""Instruments of a tape, whose column ``instrument`` has 16 bits."""

Step = Annotated[Decimal, Field(ge=Decimal("1e-8"), le=10**9, allow_inf_nan=False)]
"""A tick or a lot: a multiple of the smallest unit of an asset."""

Size = Annotated[Decimal, Field(ge=0, le=10**18, allow_inf_nan=False)]
Nanoseconds = Annotated[int, Field(ge=0, le=LAST_NS)]
Count = Annotated[int, Field(ge=0, lt=2**63)]


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(_Document):
    """A file that went into the tape."""

    name: str
    sha256: str
    size: Count


class Finding(_Document):
    """A kind of problem, or of rows left out by a rule: how often, and where first."""

    count: Count
    first: list[str] = Field(default_factory=list)


class Tops(_Document):
    """Comparisons of the rebuilt book's best levels with book tickers of the same update id."""

    compared: Count = 0
    agreed: Count = 0


class Listed(_Document):
    """An instrument of the tape with its filters; amounts as ``Instrument`` has them.

    ``expiry_ns`` 0: what the symbol tells.
    """

    market: Market
    symbol: str
    base: str
    quote: str
    tick: Step
    lot: Step
    contract_size: Annotated[Size, Field(gt=0)]
    min_quantity: Size
    min_notional: Size
    max_quantity: Size
    filters_from: str
    book: BookSource
    rows: dict[str, Count]
    tops: Tops = Tops()
    expiry_ns: Nanoseconds = 0

    @model_validator(mode="after")
    def _sound(self) -> Self:
        for name in ("tick", "lot"):
            if getattr(self, name) % Decimal("1e-8"):
                raise ValueError(f"{name}: must be a multiple of 0.00000001")
        self.instrument()
        return self

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

    offset: Annotated[int, Field(ge=-LAST_NS, le=LAST_NS)] = 0
    mean: Count = 0
    median: Count = 0


class Manifest(_Document):
    """What a tape holds; written as ``NAME.manifest.json``."""

    format: Literal["unimargin-tape"] = "unimargin-tape"
    version: Literal[1] = 1
    tape: str
    sha256: str
    rows: Count
    first_ns: Nanoseconds
    last_ns: Nanoseconds
    instruments: Annotated[list[Listed], Field(max_length=MOST_INSTRUMENTS)]
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
    if not path.exists():
        raise InputError(f"{tape}: no manifest beside it ({path.name})")
    try:
        return Manifest.model_validate_json(text_of(path, MANIFEST_BYTES))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        said = first["msg"].removeprefix("Value error, ")
        raise InputError(f"{path}: field {where or '(document)'}: {said}") from None


def write_manifest(tape: Path, manifest: Manifest) -> None:
    """Write a tape's manifest beside it."""
    text = manifest.model_dump_json(indent=2) + "\n"
    manifest_path(tape).write_text(text, encoding="utf-8")


def sha256_of(path: Path) -> str:
    """Return a file's SHA-256 in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
