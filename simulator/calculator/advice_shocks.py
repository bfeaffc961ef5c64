"""What shocks would do to an account in either mode: what is lost, liquidated and at risk.

prices      every coin's index, and all marks on it, by the same share
correlation correlations 0, and every coin moves 10 % against the account's net exposure in it:
            what was a hedge between coins loses on both sides
volatility  volatilities of options, and the measured ones that widen price ranges, by a half
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from simulator.calculator.advice_exposure import Exposure, coins
from simulator.calculator.advice_sides import CENT, Side, beyond, side
from simulator.calculator.document import Document
from simulator.calculator.rules import Rules
from simulator.calculator.what_if import Moves, moved
from simulator.risk.levels import RiskLevel
from simulator.risk.state import ZERO


@dataclass(frozen=True, slots=True)
class Shock:
    """A named shock; ``size`` is the share by which prices (or volatilities) move."""

    name: str
    kind: Literal["prices", "correlation", "volatility"]
    size: Decimal


SHOCKS = (
    Shock("prices -5%", "prices", Decimal("-0.05")),
    Shock("prices -10%", "prices", Decimal("-0.10")),
    Shock("prices -20%", "prices", Decimal("-0.20")),
    Shock("prices -30%", "prices", Decimal("-0.30")),
    Shock("prices +10%", "prices", Decimal("0.10")),
    Shock("prices +20%", "prices", Decimal("0.20")),
    Shock("correlation break", "correlation", Decimal("0.10")),
    Shock("volatility +50%", "volatility", Decimal("0.50")),
)


@dataclass(frozen=True, slots=True)
class Shaken:
    """An account after a shock, in both modes; ``hedged`` is its hedged share against it."""

    shock: Shock
    separated: Side
    unified: Side
    hedged: Decimal

    @property
    def endangered(self) -> dict[str, Decimal]:
        """Units by asset that a liquidation puts at risk in the unified mode only."""
        return beyond(self.unified.at_risk(), self.separated.at_risk())

    @property
    def stake(self) -> Decimal:
        """Equity that separate wallets keep and the unified mode would not, 0 without a
        liquidation there; what is owed against the assets is not in it.
        """
        more = self.separated.kept - self.unified.kept if self.unified.liquidated() else ZERO
        return more if more > CENT else ZERO

    @property
    def rescue(self) -> bool:
        """Whether a wallet is liquidated that the unified pool carries."""
        return bool(self.separated.liquidated()) and self.unified.level < RiskLevel.LIQUIDATION


def shaken(document: Document, held: Exposure, rules: Mapping[str, Rules]) -> tuple[Shaken, ...]:
    """Return the account after every shock; ``rules`` by mode."""
    found = []
    for shock in SHOCKS:
        after = shocked(document, shock, held, rules["unified"])
        alone = shock.kind == "correlation"
        found.append(
            Shaken(
                shock,
                side(after, rules["separated"]),
                side(after, rules["unified"]),
                held.hedged_in_coin if alone else held.hedged,
            )
        )
    return tuple(found)


def shocked(document: Document, shock: Shock, held: Exposure, rules: Rules) -> Document:
    """Return the document at the prices of a shock."""
    names = coins(document)
    if shock.kind == "prices":
        return moved(document, Moves(price={name: (1 + shock.size, None) for name in names}))
    if shock.kind == "correlation":
        against = {
            name: (1 - shock.size if held.by_coin.get(name, 0) >= 0 else 1 + shock.size, None)
            for name in names
        }
        return moved(document, Moves(price=dict(against), correlation={"corr": Decimal(0)}))
    factor = 1 + shock.size
    after = moved(document, Moves(volatility=(factor, None)))
    reference = rules.unified.scenario.reference_volatility
    usual = dict.fromkeys(names, reference) if reference is not None else {}
    measured = {
        name: value * factor for name, value in {**usual, **document.measured_volatility}.items()
    }
    return after.model_copy(update={"measured_volatility": measured})
