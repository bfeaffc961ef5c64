"""The portfolio document: what an account holds, at which prices, under which rules.

Every number is exact (``values``), every unknown key is refused with the nearest known one.
docs/how-to/margin-document.md describes the keys; `simulator.calculator.read` reads files.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    field_validator,
    model_validator,
)

from simulator.calculator.values import (
    AnnualRate,
    Correlation,
    Leverage,
    NotNegative,
    Number,
    Positive,
    Volatility,
    nearest,
)
from simulator.market.tape import LAST_NS

Mode = Literal["separated", "unified"]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ASSET = re.compile(r"^[A-Za-z0-9]{1,20}$")
POSITIONS_MAX = 500


def instant(value: object) -> int | None:
    """Return ns since 1970 of an ISO 8601 instant, UTC where it names no zone; an int is ns.

    >>> instant("2026-11-22T00:00:00Z")
    1795305600000000000
    """
    if value is None or value == "":
        return None
    text = value.isoformat() if isinstance(value, datetime) else str(value).strip()
    if re.fullmatch(r"[0-9]{16,20}", text):
        return _within(int(text), text)
    try:
        found = datetime.fromisoformat(text.replace(" UTC", "Z"))
    except ValueError:
        raise ValueError(
            f"must be an instant such as 2026-11-22T00:00:00Z, not {text!r:.40}"
        ) from None
    found = found.replace(tzinfo=UTC) if found.tzinfo is None else found
    return _within((found - EPOCH) // timedelta(microseconds=1) * 1000, text)


def _within(time_ns: int, text: str) -> int:
    if not 0 <= time_ns <= LAST_NS:
        raise ValueError(f"must be an instant from 1970 to 2102, not {text!r:.40}")
    return time_ns


def written(time_ns: int) -> str:
    """Return an instant in ISO 8601.

    >>> written(1795305600000000000)
    '2026-11-22T00:00:00Z'
    """
    found = EPOCH + timedelta(microseconds=time_ns // 1000)
    return found.isoformat().replace("+00:00", "Z")


Instant = Annotated[
    int | None, BeforeValidator(instant), PlainSerializer(lambda ns: ns and written(ns))
]


class Part(BaseModel):
    """A table of the document; keys that it does not know are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, data: Any) -> Any:
        if data is None or data == "":
            return {}
        if isinstance(data, Mapping):
            for key in data:
                if key not in cls.model_fields:
                    shown = repr(str(key)[:40])[1:-1]  # on one line, whatever it holds
                    raise ValueError(
                        f"unknown key {shown}{nearest(str(key), cls.model_fields)}; "
                        f"known: {', '.join(cls.model_fields)}"
                    )
            return {k: v for k, v in data.items() if v is not None}
        return data


def _table(value: object) -> object:
    return {} if value is None or value == "" else value


def _assets(table: dict[str, Any]) -> dict[str, Any]:
    for asset in table:
        if not ASSET.match(asset):
            raise ValueError(f"{asset!r:.40} is no asset's name, such as USDT or BTC")
    return table


class Prices(Part):
    """``index``: USD per unit of asset; ``mark``: mark price by instrument, its premium for an
    option.
    """

    index: Annotated[dict[str, Positive], BeforeValidator(_table)] = {}
    mark: Annotated[dict[str, Positive], BeforeValidator(_table)] = {}


class Holding(Part):
    """What a wallet holds and owes of one asset; a bare number is ``asset``."""

    asset: Number = Decimal(0)
    loan: NotNegative = Decimal(0)
    interest: NotNegative = Decimal(0)

    @model_validator(mode="before")
    @classmethod
    def _bare(cls, data: Any) -> Any:
        bare = isinstance(data, int | float | Decimal | str) and data != ""
        return {"asset": data} if bare else data


Wallet = Annotated[dict[str, Holding], BeforeValidator(_table)]


class Balances(Part):
    """Wallets of the account; only ``margin`` borrows."""

    spot: Wallet = {}
    margin: Wallet = {}
    um: Wallet = {}
    cm: Wallet = {}
    options: Wallet = {}

    @field_validator("spot", "margin", "um", "cm", "options")
    @classmethod
    def _named(cls, wallet: dict[str, Holding]) -> dict[str, Holding]:
        return _assets(wallet)

    @model_validator(mode="after")
    def _borrowers(self) -> Self:
        for name, wallet in self.wallets().items():
            for asset, held in wallet.items():
                if name != "margin" and (held.loan or held.interest):
                    raise ValueError(
                        f"{name}.{asset}: only the margin wallet has a loan or interest"
                    )
        return self

    def wallets(self) -> dict[str, dict[str, Holding]]:
        """Return the wallets by name, in a fixed order."""
        return {name: getattr(self, name) for name in type(self).model_fields}


class Holds(Part):
    """One position: ``quantity`` signed, in contracts for CM and options, else in base asset.

    ``isolated_wallet``: the position has this margin of its own, in its settlement asset.
    """

    instrument: Annotated[str, Field(min_length=1, max_length=60)]
    quantity: Number
    entry_price: Positive | None = None
    leverage: Leverage | None = None
    isolated_wallet: Number | None = None


class BracketRow(Part):
    """One row of a bracket table; ``max_leverage`` defaults to 1 / ``mmr``, ``cum`` is derived."""

    floor: NotNegative
    cap: Positive
    mmr: Annotated[Number, Field(gt=0, lt=1)]
    max_leverage: Leverage | None = None
    cum: Number | None = None


Table = Annotated[tuple[BracketRow, ...], Field(min_length=1)]


class Described(Part):
    """An instrument that its name alone does not tell: what it is and what it settles in."""

    product: Literal["linear", "inverse", "option"] | None = None
    underlying: str | None = None
    settle: str | None = None
    contract_size: Positive | None = None
    expiry: Instant = None
    strike: Positive | None = None
    right: Literal["C", "P"] | None = None
    brackets: Table | None = None


class Document(Part):
    """A portfolio document, see docs/how-to/margin-document.md."""

    mode: Mode = "unified"
    rulebook: str = "textbook"
    time: Instant = None
    prices: Prices = Prices()
    volatility: Annotated[dict[str, Volatility], BeforeValidator(_table)] = {}
    measured_volatility: Annotated[dict[str, Volatility], BeforeValidator(_table)] = {}
    rate: AnnualRate = Decimal(0)
    correlation: Annotated[dict[str, Correlation], BeforeValidator(_table)] = {}
    balances: Balances = Balances()
    margin_leverage: Annotated[int, Field(ge=2, le=100)] | None = None
    multi_assets: bool = False
    open_loss: NotNegative = Decimal(0)
    positions: Annotated[
        tuple[Holds, ...],
        BeforeValidator(lambda v: () if v is None or v == "" else v),
        Field(max_length=POSITIONS_MAX),
    ] = ()
    instruments: Annotated[dict[str, Described], BeforeValidator(_table)] = {}
    overrides: Annotated[dict[str, Any], BeforeValidator(_table)] = {}

    @field_validator("correlation")
    @classmethod
    def _pairs(cls, table: dict[str, Decimal]) -> dict[str, Decimal]:
        for pair in table:
            names = pair.split("/")
            if len(names) != 2 or not all(names) or names[0] == names[1]:
                raise ValueError(f"{pair!r:.40} is no pair of underlyings such as BTC/ETH")
            if f"{names[1]}/{names[0]}" in table and names[0] < names[1]:
                raise ValueError(f"{pair} stands twice, once in either order")
        return table

    def correlations(self) -> dict[tuple[str, str], Decimal]:
        """Return the correlation by pair of underlyings."""
        return {(p.split("/")[0], p.split("/")[1]): value for p, value in self.correlation.items()}
