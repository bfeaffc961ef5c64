"""What every section of a rulebook file has, and the sections of the two modes."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from simulator.risk.levels import Ladder, Rung
from simulator.risk.rules import MarginModel, MarginType, Wallet
from simulator.rulebook.values import Positive


class Section(BaseModel):
    """A table of a rulebook file; ``source`` and ``sources`` name entries of ``[sources]``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    sources: dict[str, str] = {}

    def source_of(self, field: str) -> str:
        """Return the id of a value's source: its own, else its table's, else the section's."""
        while field:
            if field in self.sources:
                return self.sources[field]
            field = field.rpartition(".")[0]
        return self.source


class RungModel(BaseModel):
    """A threshold on equity / maintenance margin; at it, ``<=`` belongs to the worse level."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: Positive
    edge: Literal["<=", "<"] = "<="

    def plain(self) -> Rung:
        """Return the rung that risk computes with."""
        return Rung(self.at, inclusive=self.edge == "<=")


class LadderSection(Section):
    """Thresholds that lead to the risk levels; an absent one is a level the venue does not have."""

    ratio_name: str
    shown: Literal["equity / maintenance", "maintenance / equity"] = "equity / maintenance"
    target: Positive
    margin_call: RungModel | None = None
    reduce_only: RungModel | None = None
    liquidation: RungModel

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        self.plain()
        return self

    def plain(self) -> Ladder:
        """Return the ladder that risk computes with; ``ValueError`` if thresholds do not fall."""
        return Ladder(
            ratio_name=self.ratio_name,
            liquidation=self.liquidation.plain(),
            target=self.target,
            margin_call=self.margin_call.plain() if self.margin_call else None,
            reduce_only=self.reduce_only.plain() if self.reduce_only else None,
            shown=self.shown,
        )


class ModeSection(Section):
    """What a pool's margin is made of in one mode.

    ``haircut``: assets count by their collateral ratio.  ``default_leverage`` absent: 1 / price
    range.
    """

    margin_model: MarginModel
    haircut: bool = False
    default_leverage: Annotated[int, Field(ge=1)] | None = None
    ladder: LadderSection


class PoolSection(Section):
    """Where one kind of pool differs from its mode: its margin model, its ladder."""

    margin_model: MarginModel | None = None
    ladder: LadderSection | None = None


class Separated(ModeSection):
    """Each wallet and each isolated position is a pool of its own; ``pools`` by kind."""

    margin_type: MarginType
    pools: dict[Literal["margin", "um", "cm", "options"], PoolSection] = {}


class Unified(ModeSection):
    """One pool holds the wallets in ``members``; others stay as in the separated mode."""

    members: Annotated[tuple[Wallet, ...], Field(min_length=1)]
