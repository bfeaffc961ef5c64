"""Populations as Parquet files: one row an account, wide columns; docs/how-to/population.md.

=====================  ===========================================================================
``id``                 whole number above 0, each once
``group``              type of the account, a text; ``all`` where the column is missing
``mode``               ``run`` (the run's), ``separated`` or ``unified``; ``run`` where missing
``spot.USDT``          balance of a wallet, whole units: ``spot``, ``margin``, ``um``, ``cm``,
                       ``options``; a unified account has those of its members in one pool
``loan.USDT``          what it owes in cross margin, or in its pool
``um:BTCUSDT.quantity``  position, signed: base asset, contracts of a coin-margined one
``um:BTCUSDT.entry``   its entry price
``um:BTCUSDT.margin``  its isolated margin in the settlement asset; missing or 0: it is cross
=====================  ===========================================================================

Numbers may be integers or floats; empty ones are 0.  Amounts become whole numbers of 1e-8, so a
double holds them exactly up to some 20 million units.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from simulator.accounts.crowd import Crowd, Setting
from simulator.accounts.wallets import LINES
from simulator.errors import InputError
from simulator.instruments.instrument import Instrument
from simulator.market.parquet import whole
from simulator.rulebook.messages import nearest

MODES = ("run", "separated", "unified")
OF_A_POSITION = ("quantity", "entry", "margin")

E8 = 10**8
MOST = 9e10
"""Most whole units of an asset; int64 holds a little more in 1e-8."""

MOST_ID = 2**63 - 1

Floats = npt.NDArray[np.float64]


def write(
    crowd: Crowd, path: Path, instruments: Sequence[Instrument], run: npt.NDArray[np.bool_]
) -> None:
    """Write a crowd to a file; ``run`` [n]: whose mode is the run's.

    Columns that hold nothing are left out.  Raises ``InputError`` where it cannot be written.
    """
    unified = np.where(crowd.unified, "unified", "separated")
    columns: dict[str, Any] = {
        "id": crowd.ids,
        "group": pl.Series([*crowd.groups], dtype=pl.String).gather(crowd.group),
        "mode": np.where(run, "run", unified),
    }
    for line, amounts in [*crowd.balance.items(), *(("loan", a) for a in crowd.loan.values())]:
        for at, asset in enumerate(crowd.assets):
            if amounts[:, at].any():
                columns[f"{line}.{asset}"] = amounts[:, at] / E8
    for at, one in enumerate(instruments):
        if crowd.lots[:, at].any():
            # By the decimal's own fraction: 3 x 0.001 as a product of floats is not 0.003.
            above, below = (one.lot).as_integer_ratio()
            columns[f"{one.name}.quantity"] = crowd.lots[:, at] * above / below
            columns[f"{one.name}.entry"] = crowd.entry[:, at]
            if crowd.isolated[:, at].any():
                columns[f"{one.name}.margin"] = crowd.isolated[:, at] / E8
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        pl.DataFrame(columns).write_parquet(path)
    except OSError as error:
        raise InputError(f"--out {path}: cannot write: {error.strerror or error}") from error


@dataclass(frozen=True, slots=True)
class CrowdFile:
    """A file of accounts, read and checked as far as it can be without a run's data."""

    path: Path
    frame: pl.DataFrame

    @property
    def positions(self) -> list[str]:
        """Names of the instruments that have positions."""
        names = [name.rpartition(".")[0] for name in self.frame.columns if ":" in name]
        return list(dict.fromkeys(names))

    @property
    def assets(self) -> list[str]:
        """Assets that are held or owed."""
        named = [name.partition(".") for name in self.frame.columns if ":" not in name]
        return list(dict.fromkeys(asset for line, dot, asset in named if dot))

    def wrong(self, column: str, bad: npt.NDArray[np.bool_], said: str) -> None:
        """Raise ``InputError`` for the first row that is bad; ``said`` may hold its ``{value}``."""
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            value = self.frame[column][row] if column in self.frame.columns else None
            raise InputError(
                f"{self.path}: row {row + 1}, column {column}: {said.format(value=value)}"
            )

    def numbers(self, column: str) -> Floats:
        """Return a column as floats, empty ones 0; zeros where it is missing."""
        if column not in self.frame.columns:
            return np.zeros(self.frame.height)
        values = self.frame[column].cast(pl.Float64).fill_null(0.0).to_numpy()
        return np.asarray(values, dtype=np.float64)

    def crowd(self, setting: Setting) -> Crowd:
        """Return the accounts for a run; ``InputError`` for what its data do not have."""
        known = {one.name: one for one in setting.instruments if one.market != "spot"}
        for name in self.positions:
            if name not in known:
                raise InputError(
                    f"{self.path}: column {name}.quantity: the data have no {name}"
                    f"{nearest(name, known)}; they have {', '.join(known) or 'none'}"
                )
        for asset in self.assets:
            if asset not in setting.assets:
                raise InputError(
                    f"{self.path}: {asset}: the data know only {', '.join(setting.assets)}"
                )
        count, shape = self.frame.height, (self.frame.height, len(setting.instruments))
        groups = self._texts("group", "all")
        mode = self._texts("mode", "run")
        lots = np.zeros(shape, dtype=np.int64)
        entry = np.zeros(shape)
        isolated = np.zeros(shape, dtype=np.int64)
        for name in self.positions:
            at = [one.name for one in setting.instruments].index(name)
            lots[:, at] = self._lots(known[name])
            entry[:, at] = np.where(lots[:, at] != 0, self.numbers(f"{name}.entry"), 0.0)
            isolated[:, at] = _units(self.numbers(f"{name}.margin"))
        names = groups.unique(maintain_order=True)
        numbered = pl.Series(names).to_frame("group").with_row_index("number")
        number = groups.to_frame("group").join(
            numbered, on="group", how="left", maintain_order="left"
        )["number"]
        run_unified = setting.mode == "unified"
        return Crowd(
            ids=self.frame["id"].cast(pl.Int64).to_numpy(),
            group=number.cast(pl.Int32).to_numpy(),
            groups=tuple(names.to_list()),
            unified=np.array((mode == "unified") | ((mode == "run") & run_unified), dtype=np.bool_),
            instruments=tuple(one.name for one in setting.instruments),
            assets=setting.assets,
            lots=lots,
            entry=entry,
            isolated=isolated,
            balance={line: self._amounts(line, setting.assets, count) for line in self._lines()},
            loan={"margin": self._amounts("loan", setting.assets, count)} if self._owes() else {},
        )

    def _texts(self, column: str, default: str) -> pl.Series:
        if column not in self.frame.columns:
            return pl.Series([default]).new_from_index(0, self.frame.height)
        return self.frame[column].cast(pl.String).fill_null(default)

    def _lines(self) -> list[str]:
        lines = [name.partition(".")[0] for name in self.frame.columns]
        return [line for line in LINES if line in lines]

    def _owes(self) -> bool:
        return any(name.startswith("loan.") for name in self.frame.columns)

    def _amounts(self, line: str, assets: Sequence[str], count: int) -> npt.NDArray[np.int64]:
        found = np.zeros((count, len(assets)), dtype=np.int64)
        for at, asset in enumerate(assets):
            if f"{line}.{asset}" in self.frame.columns:
                found[:, at] = _units(self.numbers(f"{line}.{asset}"))
        return found

    def _lots(self, one: Instrument) -> npt.NDArray[np.int64]:
        column = f"{one.name}.quantity"
        above, below = one.lot.as_integer_ratio()
        exact = self.numbers(column) * below / above
        self.wrong(column, np.abs(exact) > 9e15, "{value} is more than a run can hold")
        lots = np.rint(exact)
        between = np.abs(exact - lots) > 1e-6 * np.maximum(np.abs(lots), 1)
        self.wrong(column, between, f"must be a multiple of {one.lot:f}, not {{value}}")
        return lots.astype(np.int64)


def read(path: str | Path) -> CrowdFile:
    """Read a file of accounts.

    Raises ``InputError`` naming the file, and the row and column of what is wrong.
    """
    path = Path(path)
    try:
        frame = whole(path)
    except InputError as error:
        raise InputError(f"population {error}") from None
    made = CrowdFile(path, frame)
    _check_columns(made)
    _check_ids(made)
    _check_mode(made)
    for name in frame.columns:
        if name not in ("id", "group", "mode"):
            _check_amounts(made, name)
    for name in made.positions:
        _check_position(made, name)
    return made


def _check_columns(made: CrowdFile) -> None:
    frame, path = made.frame, made.path
    if "id" not in frame.columns:
        raise InputError(f"{path}: has no column id; it has {', '.join(frame.columns) or 'none'}")
    if not frame.height:
        raise InputError(f"{path}: has no rows")
    for name in frame.columns:
        if name in ("id", "group", "mode"):
            continue
        first, dot, last = name.rpartition(".") if ":" in name else name.partition(".")
        if ":" in name:
            known = [f"{first}.{part}" for part in OF_A_POSITION]
            if first.partition(":")[0] == "spot":
                raise InputError(f"{path}: column {name}: coins are a balance, as spot.BTC")
            right = name in known
        else:
            known = [f"{line}.{last or 'USDT'}" for line in (*LINES, "loan")]
            known += ["id", "group", "mode"]
            right = bool(dot) and first in (*LINES, "loan") and bool(last)
        if not right:
            raise InputError(
                f"{path}: column {name}: no such column{nearest(name, known)}; columns are id, "
                "group, mode, LINE.ASSET, loan.ASSET and INSTRUMENT.quantity, .entry, .margin"
            )


def _check_ids(made: CrowdFile) -> None:
    ids = made.frame["id"]
    if not ids.dtype.is_integer():
        raise InputError(f"{made.path}: column id: must hold whole numbers, not {ids.dtype}")
    made.wrong("id", ids.is_null().to_numpy(), "is empty")
    made.wrong("id", (ids < 1).to_numpy(), "must be above 0, not {value}")
    made.wrong("id", (ids > MOST_ID).to_numpy(), f"must be at most {MOST_ID}, not {{value}}")
    made.wrong("id", (~ids.is_first_distinct()).to_numpy(), "{value} is there already")


def _check_mode(made: CrowdFile) -> None:
    for name in ("group", "mode"):
        if name in made.frame.columns and made.frame[name].dtype not in (
            pl.String,
            pl.Categorical,
            pl.Enum,
        ):
            kind = made.frame[name].dtype
            raise InputError(f"{made.path}: column {name}: must hold text, not {kind}")
    if "mode" in made.frame.columns:
        mode = made.frame["mode"].cast(pl.String).fill_null("run")
        made.wrong(
            "mode",
            (~mode.is_in(MODES)).to_numpy(),
            f"must be one of {', '.join(MODES)}, not '{{value}}'",
        )


def _check_amounts(made: CrowdFile, name: str) -> None:
    kind = made.frame[name].dtype
    if not (kind.is_numeric() or kind == pl.Null):
        raise InputError(f"{made.path}: column {name}: must hold numbers, not {kind}")
    values = made.numbers(name)
    made.wrong(name, ~np.isfinite(values), "must be a number, not {value}")
    if not name.endswith(".quantity"):
        made.wrong(name, values < 0, "must not be below 0, not {value}")
    if ":" not in name or name.endswith(".margin"):
        made.wrong(name, values > MOST, f"must be at most {MOST:,.0f}, not {{value}}")


def _check_position(made: CrowdFile, name: str) -> None:
    if f"{name}.quantity" not in made.frame.columns:
        raise InputError(f"{made.path}: column {name}.quantity: is missing")
    held = made.numbers(f"{name}.quantity") != 0
    entry, margin = made.numbers(f"{name}.entry"), made.numbers(f"{name}.margin")
    made.wrong(f"{name}.entry", held & (entry <= 0), "a position needs an entry price above 0")
    made.wrong(f"{name}.margin", ~held & (margin > 0), "{value} is margin of no position")


def _units(values: Floats) -> npt.NDArray[np.int64]:
    return np.asarray(np.rint(values * E8)).astype(np.int64)


def population(path: str | Path) -> Callable[[Setting], Crowd]:
    """Return the population of a file as a run takes it; its mistakes are told at once."""
    return read(path).crowd
