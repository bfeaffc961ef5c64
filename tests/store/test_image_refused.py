"""Goal: an image that does not fit is refused with one line that says why; nothing is left out.

Method: images are damaged in every part, put into other runs, and taken of simulations that hold
what an image does not know.
"""

from __future__ import annotations

import hashlib
import json
import random
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from simulator import InputError, Simulation
from simulator.risk.alerts import _State
from simulator.store import image
from simulator.store.image_kinds import ImageError
from tests.simulation.test_whole_venue import busy_run
from tests.store.image_kit import Cut, go_on, run_with_cuts

HEAD = len(image.MAGIC) + image.DIGEST_BYTES


def make(**changes: Any) -> Simulation:
    return busy_run(**{"mode": "separated", "seconds": 4, **changes})


@pytest.fixture(scope="module")
def cut() -> Cut:
    return run_with_cuts(make(), 100, lambda number: number == 4)[1][0]


def resealed(whole: bytes, change: Callable[[Any, bytes], tuple[Any, bytes]]) -> bytes:
    """Change header and memory of an image and seal it again, as one that means harm would."""
    raw = zlib.decompress(whole[HEAD:])
    length = int.from_bytes(raw[:8], "little")
    header, memory = change(json.loads(raw[8 : 8 + length]), raw[8 + length :])
    text = json.dumps(header).encode()
    packed = zlib.compress(len(text).to_bytes(8, "little") + text + memory)
    return image.MAGIC + hashlib.sha256(packed).digest() + packed


def refused(cut: Cut, whole: bytes, text: str) -> None:
    run = make()
    with pytest.raises(ImageError, match=text) as caught:
        image.put(run, whole, cut.outcomes)
    assert "\n" not in str(caught.value)


def test_damaged_bytes(cut: Cut) -> None:
    run = make()
    draws = random.Random(5)
    for _ in range(200):
        at = draws.randrange(len(cut.image))
        damaged = bytearray(cut.image)
        damaged[at] ^= 1 << draws.randrange(8)
        with pytest.raises(ImageError, match="image: "):
            image.check(bytes(damaged))
        with pytest.raises(ImageError, match="image: "):
            image.check(cut.image[:at])
    with pytest.raises(ImageError, match="no image"):
        image.check(b"")
    assert not run._ran, "a damaged image does not touch the simulation"


def test_a_refused_image_changes_nothing(cut: Cut) -> None:
    run = make()
    with pytest.raises(ImageError):
        image.put(run, cut.image[:-1], cut.outcomes)
    assert run.run().digest == make().run().digest


@pytest.mark.parametrize(
    ("part", "value", "text"),
    [
        ("version", "0.0.0", "of version 0.0.0"),
        ("compiled", ["simulator.nothing"], "other modules compiled"),
        ("code", "", "other code"),
        ("byteorder", "big", "other code"),
    ],
)
def test_images_of_other_builds(cut: Cut, part: str, value: Any, text: str) -> None:
    def other(header: Any, memory: bytes) -> tuple[Any, bytes]:
        header["made_by"][part] = value
        return header, memory

    refused(cut, resealed(cut.image, other), text)


def test_another_layout_of_a_class(cut: Cut) -> None:
    def other(header: Any, memory: bytes) -> tuple[Any, bytes]:
        classes = header["document"]["classes"]
        name = "simulator.exchange.core:Core"
        classes[name] = None if classes[name] is None else classes[name] + 1
        classes.setdefault("simulator.events.rows:Rows", 1)
        return header, memory

    refused(cut, resealed(cut.image, other), "fields|plain")


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"seed": 2}, ""),
        ({"mode": "unified"}, "mode separated, here unified"),
        ({"seconds": 5}, "of a run with"),
        ({"rulebook": "binance"}, "of a run with rulebook"),
    ],
)
def test_other_runs(cut: Cut, changes: dict[str, Any], text: str) -> None:
    run = make(**changes)
    if not text:  # the strategies' own seed is no setting of the run: their state says it
        image.put(run, cut.image, cut.outcomes)
        return
    with pytest.raises(ImageError, match=text):
        image.put(run, cut.image, cut.outcomes)


def test_other_outcomes(cut: Cut) -> None:
    whole = np.concatenate(cut.outcomes)
    for wrong in (whole[:-1], whole[::-1], np.concatenate([whole, whole[:1]])):
        with pytest.raises(ImageError, match="outcomes"):
            image.put(make(), cut.image, [wrong])
    for split in (1, 7, len(whole)):
        parts = [whole[first : first + split] for first in range(0, len(whole), split)]
        image.put(make(), cut.image, parts)


def test_a_simulation_that_has_run(cut: Cut) -> None:
    run = make()
    run.run()
    with pytest.raises(ImageError, match="has run"):
        image.put(run, cut.image, cut.outcomes)


@pytest.mark.parametrize(
    "node",
    [
        ["o", "os:system", {}],
        ["o", "simulator.store.image:Path", {}],
        ["o", "simulator.no:Where", {}],
        ["z"],
        ["o"],
        [],
        7,
        ["y", "eval", {}],
        ["l", [["m", ["s", 0], "__class__"]]],
        ["l", [["m", ["s", 99], "on_timer"]]],
        ["l", [["c", "builtins:eval"]]],
        ["l", [["g", "simulator.simulation:gc.collect"]]],
        ["l", [["w", "Desk.nothing"]]],
        ["l", [["r", 10**6]]],
        ["l", [["a", 10**6]]],
        ["l", [["?", 1]]],
        ["l", [["e", "simulator.accounts.states:Step", "NO_STEP"]]],
    ],
    ids=str,
)
def test_contents_that_mean_harm(cut: Cut, node: Any) -> None:
    """Whatever an image says, only this package's own classes are made and nothing is called."""

    def other(header: Any, memory: bytes) -> tuple[Any, bytes]:
        nodes = header["document"]["nodes"]
        at = next(n for n, one in enumerate(nodes) if one[0] == "l" and one[1])
        nodes[at] = node
        return header, memory

    refused(cut, resealed(cut.image, other), "image")


def test_memory_that_is_short_or_long(cut: Cut) -> None:
    for memory in (lambda old: old[:-8], lambda old: old + b"x"):
        whole = resealed(cut.image, lambda header, old, m=memory: (header, m(old)))  # type: ignore[misc]
        refused(cut, whole, "image")


@dataclass
class Strange:
    """What the desk holds in tests of what an image refuses."""

    held: Any


def closure() -> Callable[[], list[int]]:
    kept = [1]
    return lambda: kept


@pytest.mark.parametrize(
    ("held", "kind"),
    [
        ((number for number in range(3)), "generator"),
        (iter([1, 2]), "list_iterator"),
        (open, "open|function"),
        (random.Random(1), "Random"),
        (hashlib.md5(b""), "HASH"),
        (object(), "object"),
        (np.array([object()]), "ndarray"),
        (closure(), "function"),
        (Strange(1), "Strange"),
        (1 + 2j, "complex"),
    ],
    ids=["generator", "iterator", "builtin", "random", "hash", "object", "objects", "closure",
         "class", "complex"],
)  # fmt: skip
def test_what_an_image_does_not_know_is_refused_by_its_path(held: Any, kind: str) -> None:
    run = make()
    run.desk.liquidator.strange = [0, {"there": held}]  # type: ignore[attr-defined]
    with pytest.raises(ImageError, match=rf"root 1\.liquidator\.strange\[1\]\['there'\].*({kind})"):
        image.take(run)


def test_what_an_image_knows_comes_back(cut: Cut) -> None:
    """Kinds of values that an engine may hold one day, twice where two hold one."""
    generator = np.random.default_rng(3)
    base = np.arange(24, dtype="i4").reshape(4, 6)
    shared: list[Any] = [float("nan"), float("-inf"), -0.0, 10**30, b"\x00\xff", None]
    values = {
        "shared": shared,
        "again": (shared, frozenset({3, 1}), {("a", 1): {2, 1}}),
        "part": base[1:3, ::2],
        "column": base[:, 3],
        "back": base[::-1, 0],
        "empty": np.zeros((0, 3)),
        "draws": generator,
        "long": [*range(100)],
        "floats": [0.1 * n for n in range(100)],
        "scalar": np.float32(0.1),
    }

    def run_with_values(of: Any) -> Simulation:
        run = make()
        run.core.records.keep = True
        run._ran = True
        run._open()
        run.desk.liquidator.strange = of  # type: ignore[attr-defined]
        return run

    run = run_with_values(values)
    whole = image.take(run)
    other = make()
    image.put(other, whole, [run.core.records.take()])
    found: Any = other.desk.liquidator.strange  # type: ignore[attr-defined]
    assert image.take(other) == whole
    assert found["again"][0] is found["shared"]
    assert repr(found["shared"]) == repr(shared)
    assert found["again"][1:] == values["again"][1:]
    assert found["long"] == values["long"]
    assert found["floats"] == values["floats"]
    assert found["scalar"].dtype == np.float32
    for name in ("part", "column", "back", "empty"):
        assert (found[name] == values[name]).all()
        assert found[name].strides == values[name].strides  # type: ignore[attr-defined]
    found["part"][0, 0] = 99
    assert found["back"][2] == 99, "two views of one memory stay so"
    assert found["draws"].random() == generator.random()


def test_going_on_twice_from_one_image(cut: Cut) -> None:
    ends = {go_on(make(), cut, 100).digest for _ in range(2)}
    assert ends == {make().run().digest}


def test_strategies_states_that_are_damaged(cut: Cut) -> None:
    run = make()
    image.put(run, cut.image, cut.outcomes)
    for text in ("", "[]", "{}", '[{"draws":{"$":"generator","type":"os","of":{}}},{}]'):
        with pytest.raises(InputError, match="damaged"):
            image.restore_states(run, text)


def test_two_objects_where_the_fresh_simulation_has_one() -> None:
    """What was restored for one object of the image is not taken for another one."""
    run, other = make(), make()
    run.core.records.keep = True
    run._ran = True
    run._open()
    inner = _State(was=True), _State(was=False)
    run.desk.liquidator.strange = [_State(inner[0]), _State(inner[1])]  # type: ignore[attr-defined,arg-type]
    one = _State()
    other.desk.liquidator.strange = [one, one]  # type: ignore[attr-defined]
    whole = image.take(run)
    image.put(other, whole, [run.core.records.take()])
    found: Any = other.desk.liquidator.strange  # type: ignore[attr-defined]
    assert [state.was.was for state in found] == [True, False]
    assert image.take(other) == whole
