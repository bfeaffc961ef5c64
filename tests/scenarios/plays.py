"""Play a bundled scenario with few accounts, each variant and mode once in a session."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from simulator.cli.engine import make_engine
from simulator.cli.scenario import Scenario, load_scenario
from simulator.report.cascade_figures import Figures, figures
from simulator.report.result import RunResult


def variant_of(name: str, variant: str) -> Scenario:
    """Return a scenario, or one of its variants."""
    scenario = load_scenario(name)
    if not variant:
        return scenario
    return next(one for one in scenario.variants if one.variant == variant)


@cache
def played(
    name: str, mode: str, variant: str = "", accounts: int = 0, feedback: bool = True
) -> RunResult:
    """Run a scenario in a mode; 0 accounts: as many as its file says.

    ``accounts`` are those of the groups that have a share, so that tests may take few of them.
    """
    setting = variant_of(name, variant)
    if accounts:
        counted = sum(group.count or 0 for group in setting.people)
        setting = setting.model_copy(update={"accounts": accounts + counted})
    assert setting.impact is not None
    if not feedback:
        setting = setting.model_copy(
            update={"impact": setting.impact.model_copy(update={"feedback": False})}
        )
    return make_engine(setting, mode, [], {}).run(None)


@cache
def told(
    name: str, mode: str, variant: str = "", accounts: int = 0, beside: bool = False
) -> Figures:
    """Return the figures of a run; ``beside`` those of the same without feedback if asked."""
    run = played(name, mode, variant, accounts)
    if beside:
        quiet = played(name, mode, variant, accounts, feedback=False)
        run = replace(run, quiet=quiet.cascade)
    found = figures(run)
    assert found is not None
    return found
