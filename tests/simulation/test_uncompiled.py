"""Goal: the compiled engine and the same files as plain Python give the same run.

Method: a copy of the packages without extension modules, run in a process of its own.
"""

from __future__ import annotations

from pathlib import Path

from tests.plain import plain_copy, printed
from tests.simulation.test_impact_runs import IMPACT
from tests.simulation.test_whole_venue import MODES, busy_run

SECONDS = 15
SCRIPT = f"""
from tests.simulation.test_impact_runs import IMPACT
from tests.simulation.test_whole_venue import MODES, busy_run
import simulator.exchange.core
assert simulator.exchange.core.__file__.endswith(".py")
for mode in MODES:
    run = busy_run(mode, seconds={SECONDS})
    print(run.run().digest)
    print(len(run.strategies[0].heard))
print(busy_run("unified", seconds={SECONDS}, impact=IMPACT).run().digest)
"""


def test_both_forms_give_the_same_digests(tmp_path: Path) -> None:
    tree = plain_copy(tmp_path, "simulation")
    expected = []
    for mode in MODES:
        run = busy_run(mode, seconds=SECONDS)
        expected += [run.run().digest, str(len(run.strategies[0].heard))]  # type: ignore[attr-defined]
    expected.append(busy_run("unified", seconds=SECONDS, impact=IMPACT).run().digest)
    assert printed(SCRIPT, tree) == expected
