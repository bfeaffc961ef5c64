"""The engine of a run: from a checked scenario to a simulation in one mode."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from simulator.cli.scenario import Scenario, data_path
from simulator.errors import InputError
from simulator.units.text import counted

if TYPE_CHECKING:
    from simulator.accounts.crowd import Crowd, Setting
    from simulator.report.result import RunResult
    from simulator.rulebook.schema import Rulebook
    from simulator.store.recorder import Recorder

MODES = ("separated", "unified", "both")


class Engine(Protocol):
    """What this command needs of ``simulator.simulation.Simulation``."""

    rows: int
    data: tuple[str, ...]

    @property
    def now_ns(self) -> int:
        """Market time so far."""

    def spare_pictures(self) -> None:
        """Leave out what only pictures of a crowd need."""

    def run(
        self, progress: Callable[[int, int], None] | None, *, journal: Recorder | None = None
    ) -> RunResult:
        """Run to the end; ``progress`` gets events so far and market time in ns."""


def modes_of(setting: Scenario) -> tuple[str, ...]:
    """Return the modes that a scenario runs in."""
    return MODES[:2] if setting.mode == "both" else (setting.mode,)


def opening_lines(setting: Scenario) -> list[str]:
    """Return what is about to run, a line a variant where there are any."""
    lines = []
    for one in setting.variants or (setting,):
        name = f"{one.name}, {one.variant}" if one.variant else one.name
        line = f"{name}: {' and '.join(modes_of(one))}, rulebook {one.rulebook}"
        if one.people:
            from simulator.population.spec import sizes

            line += f", {counted(sum(sizes(one.people, one.accounts)), 'account')}"
        elif one.population:
            line += f", accounts of {one.population}"
        elif one.traders:
            line += f", {counted(1 + len(one.traders), 'account')} side by side"
        lines.append(line)
    if setting.crowded and setting.strategies and not (setting.account or _funded(setting)):
        lines.append(
            "note: beside a population strategies begin with nothing; --deposit or [deposits] "
            "gives them something"
        )
    return lines


def _funded(setting: Scenario) -> bool:
    """Return whether somebody said what the account that trades begins with; a scenario without
    population has a default.
    """
    return "deposits" in setting.model_fields_set


def crowd_changes(found: Scenario, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return what ``--accounts`` and ``--population`` change besides; ``InputError`` where they
    mean nothing.
    """
    if "population" in changes:
        if "accounts" in changes:
            raise InputError("--accounts and --population: a file has the accounts that it has")
        return {"people": (), "accounts": 0}
    if "accounts" in changes and not found.people:
        raise InputError(f"--accounts: scenario {found.name} has no [[people]] to draw")
    if "accounts" in changes and all(group.share is None for group in found.people):
        raise InputError(
            f"--accounts: every group of scenario {found.name} has a count, none a share of them"
        )
    return {}


def rulebook_of(setting: Scenario) -> str | Rulebook:
    """Return the rulebook of a scenario, its name where the scenario changes nothing in it."""
    if not setting.overrides:
        return setting.rulebook
    from simulator.rulebook.load import load

    try:
        return load(setting.rulebook).with_overrides(setting.overrides)
    except InputError as error:
        raise InputError(f"scenario {setting.name}: {error}") from None


def population_of(setting: Scenario) -> Callable[[Setting], Crowd]:
    """Return what makes the accounts of a scenario; a file's mistakes are told at once."""
    # The run without feedback has the same accounts: what is to be said of them was said.
    quiet = setting.impact is not None and not setting.impact.feedback
    if setting.population:
        from simulator.population.parquet import population

        of_file = population(setting.population)
        return of_file if quiet else _noted(of_file)

    def people(first: Setting) -> Crowd:
        from simulator.population.draw import draw

        return draw(setting.people, setting.accounts, first)

    return people if quiet else _noted(people)


def _noted(make: Callable[[Setting], Crowd]) -> Callable[[Setting], Crowd]:
    """Say it where accounts begin at or below a margin call."""

    def made(first: Setting) -> Crowd:
        from simulator.population.check import check

        crowd = make(first)
        found = check(crowd, first)
        if found.called:
            note(
                f"note: population: {found.called} of {counted(found.accounts, 'account')} looked "
                f"at begin at or below a margin call ({first.mode})"
            )
        return crowd

    return made


def note(line: str) -> None:
    """Print a line to stderr, at once."""
    print(line, file=sys.stderr, flush=True)


def instant(option: str, text: str) -> int | None:
    """Return an instant in ns since 1970; without an offset it is UTC; empty is none.

    >>> instant("--start", "2023-11-14T22:13:20Z")
    1700000000000000000
    """
    if not text:
        return None
    if text.isdigit() and len(text) > 8:
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(f"{option} {text}: must be like 2025-10-10T21:00:00Z, or ns") from None
    since = moment.replace(tzinfo=moment.tzinfo or UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 10**9 + since.microseconds * 1000


@contextmanager
def import_hint() -> Iterator[None]:
    """Say where an option belongs that an importer's message asks for and this command has not."""
    try:
        yield
    except InputError as error:
        if re.search(r"--(market|symbol|kind|columns)\b", str(error)):
            raise InputError(f"{error} to `unimargin data import`, and run its tape") from error
        raise


def make_engine(
    setting: Scenario,
    mode: str,
    kinds: Sequence[type[Any]],
    parameters: Mapping[str, str],
    population: Callable[[Setting], Crowd] | None = None,
    rulebook: Rulebook | None = None,
) -> Engine:
    """Return the simulation of a scenario in one mode, with fresh strategies.

    ``kinds`` are the classes of the strategies of all accounts, the first one's before the others';
    ``population`` makes the accounts in place of the scenario's; ``rulebook`` stands in place of
    its, with what it changes.
    """
    from importlib import import_module

    from simulator.cli.progress import import_bar
    from simulator.cli.strategies import build
    from simulator.cli.traders import check_parameters, divided, traders_of
    from simulator.strategy.life import Owner

    paths = [data_path(name) for name in setting.data]
    if setting.market is not None:
        from simulator.replay.making import made_tape

        paths.append(made_tape(setting.market, setting.seed))
    first, last = instant("--start", setting.start), instant("--end", setting.end)
    if first is not None and last is not None and first >= last:
        raise InputError(f"--start {setting.start} must be before --end {setting.end}")
    own_kinds, *others = divided(setting, kinds)
    check_parameters(setting, kinds, list(parameters))
    strategies = build(own_kinds, parameters, others=True)
    if setting.life:
        steps = [one.step() for one in setting.life]
        strategies.append(Owner(steps, hedge=setting.position_mode == "hedge"))
    crowd: dict[str, Any] = {}
    if setting.crowded or population:
        crowd["population"] = population or population_of(setting)
        crowd["impact"] = setting.impact.plain() if setting.impact else None
    # Beside a population the account that trades has something only where it is said.
    own = not setting.account and (not crowd or _funded(setting))
    simulation: Any = import_module("simulator.simulation").Simulation
    with import_bar() as importing, import_hint():
        engine: Engine = simulation(
            data=paths, mode=mode, strategies=strategies,
            rulebook=rulebook or rulebook_of(setting), seed=setting.seed,
            deposits=setting.deposits if own else None, latency=setting.latency or None,
            queue_model=setting.queue_model, start_ns=first, end_ns=last, scenario=setting.name,
            instruments=setting.instruments or None,
            margin_type=(setting.margin_type or None) if mode == "separated" else None,
            leverage=setting.leverage or None, bnb_fees=setting.bnb_fees,
            position_mode=setting.position_mode, multi_assets=setting.multi_assets,
            margin_leverage=setting.margin_leverage or None, volatility=setting.volatilities(),
            account=setting.account or None, alerts=setting.alerts, profile=setting.profile,
            traders=traders_of(setting, mode, others, parameters),
            note=note, import_progress=importing, **crowd,
        )  # fmt: skip
    if setting.market is not None:
        # Where the made tape is kept says nothing: what it is made of stands in the scenario.
        engine.data = (f"[market] of {setting.name}.toml",)
    return engine
