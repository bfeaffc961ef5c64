"""A scenario: what to run, as one TOML file.

::

    title = "One sentence that `unimargin scenarios` shows"
    data = ["bundled:crash", "my/recording.parquet"]  # relative paths: from the scenario file
    instruments = ["um:BTCUSDT"]  # of the data, only these; all if left out
    mode = "both"  # separated, unified or both
    rulebook = "textbook"
    strategies = ["cash_and_carry", "my.py:Class"]  # share an account; a path: only with --strategy
    seed = 0
    latency = ""  # as the option --latency
    queue_model = "risk_averse"
    margin_type = ""  # isolated or cross; the rulebook's default if empty
    leverage = 0  # the rulebook's default if 0
    position_mode = "one_way"        # or hedge: a long and a short position of each contract
    margin_leverage = 5              # of cross-margin loans
    multi_assets = false             # all assets of the separated USD-M wallet are collateral
    volatility = {BTC = "0.55"}      # of options that have none on the tape
    account = ""                     # a portfolio document to start from, in place of deposits
    bnb_fees = false
    alerts = []  # such as "ratio<=1.3", see docs/concepts/watching.md
    start = "2026-01-01T00:00:00Z"  # as the options --start and --end
    end = ""

    [deposits]  # whole units of each asset
    USDT = "100000"

    [parameters]  # as the option --param
    size = "0.5"

    [profile]  # and [[life]]: what the account's owner does, see simulator.cli.life

Further accounts may trade beside it, in the same books: ``[[traders]]``, see simulator.cli.traders.

Besides the account that trades, a population may hold positions (docs/how-to/population.md); a
scenario with one has no strategy unless it names some::

    accounts = 100_000               # of [[people]]; as the option --accounts
    population = "crowd.parquet"     # a file of accounts in place of [[people]]

    [[people]]                       # a type of account: simulator.population.spec
    name = "retail longs"
    share = 1.0
    wealth = {law = "pareto", least = 500, alpha = 1.2, most = 5_000_000}
    instruments = ["um:BTCUSDT"]
    leverage = {5 = 0.3, 10 = 0.5, 20 = 0.2}

    [impact]                         # what books offer and how they come back: simulator.cli.impact
    depth = 10_000_000

    [rules]                          # over the rulebook, by path, as `overrides` of a document
    unified.ladder.target = 1.6

    [liquidation]                    # over the rulebook's section of that name
    partial = "bracket"              # target, bracket or whole

    [insurance_fund]                 # likewise
    balance = {USDT = 1_000_000}
    capacity = 1.0

    [market]                         # a made tape in place of data: prices by knots
    # see docs/how-to/made-market.md

    [[variants]]                     # the same with other values, as further columns of the result
    name = "thin book"
    impact.depth = 1_000_000         # see simulator.cli.variants

Options of the command line stand above the file, in every variant.
"""

from __future__ import annotations

import tomllib
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from simulator.cli.impact import ImpactTable
from simulator.cli.life import LifeEntry, Profile, fault, in_order
from simulator.cli.traders import PositiveAmount, Traders
from simulator.cli.variants import overlays
from simulator.errors import InputError
from simulator.files import TOO_DEEP, text_of
from simulator.population.spec import MOST_ACCOUNTS, People
from simulator.replay.made import MadeMarket

FOLDER = Path(__file__).parent.parent / "scenarios"
"""Where the named scenarios are."""

BUNDLED = "bundled:"
"""Prefix of a data name that means a tape which comes with the package."""

CROWD = ("people", "population")
"""Fields of which one says who holds positions besides the account that trades."""


class Scenario(BaseModel):
    """A checked scenario; the fields are described at the top of this module."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    title: str = ""
    variant: str = ""
    data: tuple[str, ...] = ()
    instruments: tuple[str, ...] = ()
    mode: Literal["separated", "unified", "both"] = "both"
    rulebook: str = "textbook"
    strategies: tuple[str, ...] = ("cash_and_carry",)
    seed: int = Field(default=0, ge=0)
    deposits: dict[str, PositiveAmount] = Field(default={"USDT": Decimal(100_000)}, min_length=1)
    latency: str = ""
    queue_model: str = "risk_averse"
    margin_type: Literal["", "isolated", "cross"] = ""
    leverage: int = Field(default=0, ge=0)
    position_mode: Literal["one_way", "hedge"] = "one_way"
    margin_leverage: int = Field(default=0, ge=0)
    multi_assets: bool = False
    volatility: dict[str, str] = {}
    account: str = ""
    bnb_fees: bool = False
    alerts: tuple[str, ...] = ()
    start: str = ""
    end: str = ""
    parameters: dict[str, str] = {}
    profile: Profile | None = None
    life: Annotated[tuple[LifeEntry, ...], AfterValidator(in_order)] = ()
    traders: Traders = ()
    accounts: int = Field(default=0, ge=0, le=MOST_ACCOUNTS)
    population: str = ""
    people: People = ()
    impact: ImpactTable | None = None
    rules: dict[str, Any] = {}
    liquidation: dict[str, Any] = {}
    insurance_fund: dict[str, Any] = {}
    market: MadeMarket | None = None
    variants: tuple[Scenario, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _no_strategy_needed(cls, fields: Any) -> Any:
        """A life or a population needs no strategy beside it."""
        if isinstance(fields, dict) and any(fields.get(key) for key in ("life", *CROWD)):
            return {"strategies": (), **fields}
        return fields

    @model_validator(mode="after")
    def _complete(self) -> Scenario:
        if not (self.strategies or self.life or self.crowded):
            raise ValueError(
                "strategies: name at least one, or give the account a [[life]], or [[people]]"
            )
        if bool(self.data) == bool(self.market):
            raise ValueError(
                "data: name at least one, or a [market]"
                if not self.data
                else "data and [market]: give one of them"
            )
        if self.traders and self.crowded:
            raise ValueError(
                "traders: not beside [[people]] or a population, where one account trades: give it "
                "strategies = [...] and [deposits]"
            )
        for one in self.traders:
            if not (one.strategies or self.strategies):
                raise ValueError(f"traders: {one.name}: name its strategies, the scenario has none")
        if self.people and self.population:
            raise ValueError("people and population: give one of them")
        if self.accounts and not self.people:
            raise ValueError("accounts: are divided among [[people]], and there are none")
        if self.impact and not self.crowded:
            raise ValueError("impact: is of a run with a population, give [[people]]")
        return self

    @property
    def crowded(self) -> bool:
        """Whether there are accounts besides the one that trades."""
        return bool(self.people or self.population)

    @property
    def overrides(self) -> dict[str, Any]:
        """What stands above the rulebook's values, by path."""
        sections = {"liquidation": self.liquidation, "insurance_fund": self.insurance_fund}
        return {**self.rules, **{name: table for name, table in sections.items() if table}}

    def volatilities(self) -> dict[str, float]:
        """Return annual volatility by underlying; ``InputError`` for what is not a number."""
        try:
            return {coin: float(number) for coin, number in self.volatility.items()}
        except ValueError as error:
            raise InputError(f"volatility: must be such as BTC=0.55: {error}") from None


def scenario_names() -> list[str]:
    """Return the names of the scenarios that come with the package, sorted."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load_scenario(name: str) -> Scenario:
    """Return the scenario of a name or of a path to a TOML file.

    Raises ``InputError`` if there is none (with the names that are near), or if the file is not
    TOML or a field is wrong.
    """
    return scenario_of(*scenario_text(name))


def scenario_text(name: str) -> tuple[Path, str]:
    """Return the file of a scenario and what stands in it; ``InputError`` as `load_scenario`."""
    path = Path(name)
    if path.suffix == ".toml" or "/" in name:
        if not path.is_file():
            raise InputError(f"scenario {name}: no such file")
    else:
        path = FOLDER / f"{name}.toml"
        if not path.is_file():
            raise InputError(f"unknown scenario {name!r}{nearest(name, scenario_names())}")
    return path, text_of(path)


def scenario_of(path: Path, text: str) -> Scenario:
    """Return the scenario that a file's text says; names of files in it are seen from ``path``."""
    try:
        fields = tomllib.loads(text)
    except RecursionError:
        raise InputError(f"scenario {path.name}: {TOO_DEEP}") from None
    except ValueError as error:
        raise InputError(f"scenario {path.name}: not valid TOML: {error}") from error
    for key in ("name", "variant"):
        if key in fields:
            raise InputError(
                f"scenario {path.name}: the file's name is its name; leave out {key!r}"
            )
    given = fields.pop("variants", [])
    scenario = _checked(fields, path)
    try:
        several = overlays(fields, given)
    except InputError as error:
        raise InputError(f"scenario {path.name}: {error}") from None
    return scenario.model_copy(
        update={"variants": tuple(_checked(one, path, name) for name, one in several)}
    )


def _checked(fields: dict[str, Any], path: Path, variant: str = "") -> Scenario:
    """Return the scenario of a file, or one of its variants; ``InputError`` for a wrong field."""
    try:
        scenario = Scenario(name=path.stem, variant=variant, **fields)
    except ValidationError as error:
        which = f"variant {variant}: " if variant else ""
        known = [key for key in Scenario.model_fields if key not in ("name", "variant")]
        raise InputError(f"scenario {path.name}: {which}{fault(error, fields, known)}") from error
    return scenario.model_copy(update=_from_file(scenario, path.parent))


def nearest(name: str, known: list[str]) -> str:
    """Return the end of a message: near names, and all of them where they are few.

    >>> nearest("chrash", ["calm", "crash"])
    '; did you mean crash? Known: calm, crash'
    """
    near = get_close_matches(name, known, n=3, cutoff=0.5)
    guess = f"; did you mean {' or '.join(near)}?" if near else ""
    listing = f"{' K' if near else '; k'}nown: {', '.join(known)}" if known else ""
    return f"{guess}{listing}"


def data_path(name: str) -> Path:
    """Return the file that a data name means; ``bundled:NAME`` comes with the package.

    Raises ``InputError`` if there is no such file or folder.
    """
    if name.startswith(BUNDLED):
        import replay_data

        path = replay_data.path(name.removeprefix(BUNDLED))
    else:
        path = Path(name)
    if not path.exists():
        raise InputError(f"data {name}: no such file or folder")
    if path.is_file() and path.suffix == ".parquet":
        _require_manifest(path, name)
    return path


def _require_manifest(path: Path, name: str) -> None:
    from simulator.market.manifest import manifest_path

    if not manifest_path(path).is_file():
        raise InputError(
            f"data {name}: no tape, {manifest_path(path).name} must lie beside it; "
            "a table of your own becomes a tape by `unimargin data import --columns ...`"
        )


def _from_file(scenario: Scenario, folder: Path) -> dict[str, Any]:
    """Return the paths of a scenario seen from its own folder."""

    def seen(name: str) -> str:
        if name.startswith(BUNDLED) or Path(name).is_absolute():
            return name
        return str(folder / name)

    def code(name: str) -> str:
        return seen(name) if ".py" in name else name

    return {
        "data": tuple(seen(name) for name in scenario.data),
        "strategies": tuple(map(code, scenario.strategies)),
        "traders": tuple(
            one.model_copy(update={"strategies": tuple(map(code, one.strategies))})
            for one in scenario.traders
        ),
        "population": seen(scenario.population) if scenario.population else "",
    }
