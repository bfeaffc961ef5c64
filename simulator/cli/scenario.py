"""A scenario: what to run, as one TOML file.

::

    title = "One sentence that `unimargin scenarios` shows"
    data = ["bundled:crash", "my/recording.parquet"]  # relative paths: from the scenario file
    instruments = ["um:BTCUSDT"]  # of the data, only these; all if left out
    mode = "both"  # separated, unified or both
    rulebook = "textbook"
    strategies = ["cash_and_carry", "my.py:Class"]  # they share one account
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

Options of the command line stand above the file.
"""

from __future__ import annotations

import tomllib
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from simulator.cli.life import LifeEntry, Profile, fault, in_order
from simulator.errors import InputError

FOLDER = Path(__file__).parent.parent / "scenarios"
"""Where the named scenarios are."""

BUNDLED = "bundled:"
"""Prefix of a data name that means a tape which comes with the package."""

PositiveAmount = Annotated[Decimal, Field(gt=0, allow_inf_nan=False)]


class Scenario(BaseModel):
    """A checked scenario; the fields are described at the top of this module."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    title: str = ""
    data: tuple[str, ...] = Field(min_length=1)
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

    @model_validator(mode="before")
    @classmethod
    def _life_alone(cls, fields: Any) -> Any:
        """A life needs no strategy beside it."""
        if isinstance(fields, dict) and fields.get("life"):
            return {"strategies": (), **fields}
        return fields

    @model_validator(mode="after")
    def _somebody_acts(self) -> Scenario:
        if not (self.strategies or self.life):
            raise ValueError("strategies: name at least one, or give the account a [[life]]")
        return self

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
    path = Path(name)
    if path.suffix == ".toml" or "/" in name:
        if not path.is_file():
            raise InputError(f"scenario {name}: no such file")
    else:
        path = FOLDER / f"{name}.toml"
        if not path.is_file():
            raise InputError(f"unknown scenario {name!r}{nearest(name, scenario_names())}")
    try:
        fields = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"scenario {path.name}: not valid TOML: {error}") from error
    if "name" in fields:
        raise InputError(f"scenario {path.name}: the file's name is its name; leave out 'name'")
    try:
        scenario = Scenario(name=path.stem, **fields)
    except ValidationError as error:
        raise InputError(f"scenario {path.name}: {fault(error)}") from error
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


def _from_file(scenario: Scenario, folder: Path) -> dict[str, tuple[str, ...]]:
    """Return the data and strategy paths of a scenario seen from its own folder."""

    def seen(name: str) -> str:
        if name.startswith(BUNDLED) or Path(name).is_absolute():
            return name
        return str(folder / name)

    return {
        "data": tuple(seen(name) for name in scenario.data),
        "strategies": tuple(seen(name) if ".py" in name else name for name in scenario.strategies),
    }
