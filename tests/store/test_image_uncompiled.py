"""Goal: images work the same where nothing is compiled, and are not taken for compiled ones.

Method: a copy of the packages without extension modules, run in a process of its own; an image of
the compiled engine is shown to it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator.build_info import compiled_modules
from simulator.store import image
from tests.plain import plain_copy, printed
from tests.simulation.test_whole_venue import busy_run
from tests.store.image_kit import run_with_cuts

SCRIPT = """
import sys
import simulator.exchange.core
from simulator.store import image
from tests.simulation.test_whole_venue import busy_run
from tests.store.image_kit import assert_same, go_on, run_with_cuts

assert simulator.exchange.core.__file__.endswith(".py")
for mode in ("separated", "unified"):
    def make():
        return busy_run(mode, seconds=10)
    result, cuts = run_with_cuts(make(), 200, lambda number: number % 3 == 2)
    assert len(cuts) > 1
    for cut in cuts:
        assert_same(go_on(make(), cut, 200), result)
    print(result.digest)
try:
    image.check(open(sys.argv[1], "rb").read())
except image.ImageError as error:
    print(error)
"""


@pytest.mark.hours
@pytest.mark.skipif(
    not compiled_modules(), reason="nothing is compiled here: all tests are of that"
)
def test_images_of_an_uncompiled_engine(tmp_path: Path) -> None:
    run = busy_run("separated", seconds=4)
    kept = tmp_path / "image"
    kept.write_bytes(run_with_cuts(run, 100, lambda number: number == 4)[1][0].image)
    image.check(kept.read_bytes())
    expected = [busy_run(mode, seconds=10).run().digest for mode in ("separated", "unified")]
    tree = plain_copy(tmp_path / "plain", "simulation", "store")
    assert printed(SCRIPT, tree, str(kept)) == [
        *expected,
        "image: taken with other modules compiled than are compiled here",
    ]
