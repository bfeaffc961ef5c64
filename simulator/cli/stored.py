"""A run of the command line as a journal has it: enough to make the same run again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, TypeAdapter, ValidationError

from simulator.cli.engine import Engine, make_engine, note
from simulator.cli.scenario import BUNDLED, Scenario, scenario_of
from simulator.cli.strategies import is_path
from simulator.cli.traders import TraderTable, all_strategies
from simulator.errors import InputError
from simulator.rulebook.messages import first_error
from simulator.rulebook.schema import Rulebook

PATHS = ("account", "population")
"""Options that name a document, of which a journal keeps the hash."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a scenario came from: a file's text, and the options above it."""

    path: Path
    text: str
    changes: Mapping[str, Any] = field(default_factory=dict)


Keep = Callable[[Scenario, str, Mapping[str, str], str], Any]
"""Of a scenario, a mode, the parameters and a label: the journal of that run, or None."""


@contextmanager
def journals(place: str | None, origin: Origin) -> Iterator[Keep]:
    """Give what makes the journals of a command's runs in a database, which is made where new.

    All of them are closed at the end.  Without a place there are none.  Raises ``InputError`` for
    a place that cannot hold one.
    """
    if place is None:
        yield lambda _one, _mode, _parameters, _label: None
        return
    from simulator.store.database import Database
    from simulator.store.journal import Journal

    with ExitStack() as opened:
        database = opened.enter_context(Database.open(place, create=True))

        def keep(one: Scenario, mode: str, parameters: Mapping[str, str], label: str) -> Journal:
            quiet = one.impact is not None and not one.impact.feedback
            told = told_of(origin, one, mode, parameters, quiet)
            made = Journal(database, told, note=note, label=label, rows_behind=True)
            return opened.enter_context(made)

        yield keep


def told_of(
    origin: Origin, one: Scenario, mode: str, parameters: Mapping[str, str], quiet: bool
) -> dict[str, Any]:
    """Return how to make one run of a scenario again, as JSON.

    ``one`` is the scenario or its variant; ``quiet``: without feedback.
    """
    return {
        "scenario": {
            "path": str(origin.path.resolve()),
            "text": origin.text,
            "changes": {name: _as_json(name, value) for name, value in origin.changes.items()},
        },
        "variant": one.variant,
        "mode": mode,
        "quiet": quiet,
        "parameters": dict(parameters),
        "strategies": [_strategy(name) for name in all_strategies(one)],
        "files": [_absolute(getattr(one, name)) for name in PATHS if getattr(one, name)],
    }


class _Origin(BaseModel):
    path: str
    text: str
    changes: dict[str, Any]


class _Told(BaseModel):
    """How the command line made a run, as a database has it."""

    scenario: _Origin
    variant: str
    mode: Literal["separated", "unified"]
    quiet: bool
    parameters: dict[str, str]
    strategies: list[str]
    files: list[str]


def scenario_again(told: Mapping[str, Any]) -> Scenario:
    """Return the scenario, or the variant of it, that a run was made from."""
    kept = told["scenario"]
    found = scenario_of(Path(kept["path"]), kept["text"])
    changes = {name: _changed(name, value) for name, value in kept["changes"].items()}
    chosen = [one for one in found.variants if one.variant == told["variant"]]
    if bool(told["variant"]) != bool(chosen):
        raise InputError(f"the stored scenario has no variant {told['variant']!r}")
    made = (chosen[0] if chosen else found).model_copy(update=changes)
    if told["quiet"] and made.impact is not None:
        without = made.impact.model_copy(update={"feedback": False})
        made = made.model_copy(update={"impact": without})
    return made


def engine_again(
    told: Mapping[str, Any],
    rulebook: Rulebook,
    kinds: Sequence[type[Any]],
    *,
    stand_ins: bool = False,
) -> Engine:
    """Return the simulation of a stored run; ``stand_ins``: ``kinds`` are all its strategies."""
    setting = scenario_again(told)
    if stand_ins:
        # Stand-ins take no parameters, neither the run's nor those of one account.
        traders = tuple(one.model_copy(update={"parameters": {}}) for one in setting.traders)
        setting = setting.model_copy(update={"life": (), "traders": traders})
    parameters = {} if stand_ins else told["parameters"]
    return make_engine(setting, told["mode"], kinds, parameters, rulebook=rulebook)


def made_by_command(settings: Mapping[str, Any], which: str) -> dict[str, Any]:
    """Return how the command line made a run; ``InputError`` of a run that Python code made."""
    told: dict[str, Any] = settings["told"]
    if "scenario" not in told:
        raise InputError(
            f"{which}: was made by Python code: call simulator.resume or simulator.verify, with "
            "make="
        )
    try:
        _Told.model_validate(told, strict=True)
    except ValidationError as error:
        raise InputError(f"{which}: settings: told.{first_error(error, _Told)}") from None
    return told


def strategies_again(told: Mapping[str, Any], named: Sequence[str], which: str) -> list[str]:
    """Return the names of a run's strategies; those of files only as the user names them now.

    Raises ``InputError`` where the user names none for a file, or too many.
    """
    from_files = [name for name in told["strategies"] if is_path(name)]
    if len(named) != len(from_files):
        if not from_files:
            raise InputError(f"{which}: has no strategy from a file; leave out --strategy")
        options = " ".join(f"--strategy {name}" for name in from_files)
        raise InputError(
            f"{which}: has strategies from files, which are code and load only where they are "
            f"named: add {options}"
        )
    given = iter(named)
    return [next(given) if is_path(name) else name for name in told["strategies"]]


def _absolute(name: str) -> str:
    """Return a path from the root; what comes with the package keeps its name."""
    return name if name.startswith(BUNDLED) else str(Path(name).resolve())


def _strategy(name: str) -> str:
    """Return a strategy's name, its file from the root if it is of one."""
    if not is_path(name):
        return name
    path, colon, kind = name.partition(".py:")
    return f"{_absolute(f'{path}.py' if colon else path)}{colon[3:]}{kind}"


def _trader(one: TraderTable) -> dict[str, Any]:
    """Return what is told of a further account, its strategies' files from the root."""
    told = one.model_dump(mode="json", exclude_unset=True) | {"mode": one.mode}
    told.pop("strategies", None)  # none of its own: those of the scenario
    own = [_strategy(name) for name in one.strategies]
    return told | ({"strategies": own} if own else {})


def _as_json(name: str, value: Any) -> Any:
    if name == "data":
        return [_absolute(one) for one in value]
    if name == "strategies":
        return [_strategy(one) for one in value]
    if name in PATHS:
        return _absolute(value)
    if name == "traders":
        return [_trader(one) for one in value]
    if isinstance(value, Mapping):
        return {key: str(item) for key, item in value.items()}
    return list(value) if isinstance(value, tuple) else value


def _changed(name: str, value: Any) -> Any:
    """Return what an option changed, as the scenario has it; InputError where it cannot be."""
    known = Scenario.model_fields.get(name)
    if known is None:
        raise InputError(f"settings: told.scenario.changes: a scenario has no {name!r:.60}")
    try:
        kind: Any = known.annotation
        kind = Annotated[kind, *known.metadata] if known.metadata else kind
        return TypeAdapter(kind).validate_python(_from_json(name, value))
    except (ValueError, TypeError, AttributeError, ArithmeticError):
        raise InputError(
            f"settings: told.scenario.changes.{name}: cannot be {value!r:.60}"
        ) from None


def _from_json(name: str, value: Any) -> Any:
    if name == "deposits":
        return {key: Decimal(item) for key, item in value.items()}
    if name == "traders":  # journals of before told no strategies of its own as an empty list
        return tuple(
            {key: item for key, item in one.items() if key != "strategies" or item} for one in value
        )
    return tuple(value) if isinstance(value, list) else value
