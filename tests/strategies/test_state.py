"""Goal: what a strategy remembers survives being written as JSON, or the strategy is told why not.

Method: values of all kinds, drawn and by hand, written, through JSON text, and revived; what cannot
be written names its place.
"""

from __future__ import annotations

import json
import math
import random
from collections import deque
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import replay_data
from simulator import InputError, Simulation, Strategy
from simulator.strategy.state import revived, written

KEYS = st.one_of(st.text(), st.integers(), st.tuples(st.text(max_size=3), st.integers(-1, 1)))
PLAIN = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(),
    st.decimals(allow_nan=False),
    st.integers(-100, 100).map(np.int16),
    st.frozensets(st.integers()),
)
VALUES = st.recursive(
    PLAIN,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.lists(inner, max_size=4).map(lambda found: deque(found, maxlen=5)),
        st.dictionaries(KEYS, inner, max_size=4),
        st.dictionaries(st.just("$"), inner),
        st.sets(st.integers(), max_size=3),
    ),
    max_leaves=12,
)


class Watching(Strategy):
    """Holds markets and the context, as strategies do."""

    resumable = True

    def on_start(self, ctx: Any) -> None:
        self.ctx = ctx
        self.markets = {name: ctx.market(name) for name in ("um:BTCUSDT", "um:ETHUSDT")}


def opened() -> tuple[Any, Watching]:
    strategy = Watching()
    run = Simulation(data=[replay_data.path("calm")], mode="unified", strategies=[strategy])
    run._open()
    return run.core.contexts[0], strategy


@pytest.fixture(scope="module")
def context() -> Any:
    return opened()[0]


def through_json(state: Any, context: Any) -> Any:
    return revived(json.loads(json.dumps(written(state, "Mine"))), context)


@given(state=st.dictionaries(st.text(), VALUES, max_size=4))
def test_drawn_values_come_back(context: Any, state: dict[str, Any]) -> None:
    found = through_json(state, context)
    assert found == state
    assert written(found, "Mine") == written(state, "Mine")  # types too, and -0.0


def test_generators_arrays_and_numbers_that_are_none(context: Any) -> None:
    draws, own = np.random.Generator(np.random.MT19937(5)), random.Random(7)
    draws.normal()
    own.gauss(0, 1)
    array = np.arange(6, dtype="f4").reshape(2, 3)
    state = {"draws": draws, "own": own, "array": array, "nan": math.nan, "inf": [-math.inf]}
    found = through_json(state, context)
    assert (found["array"] == array).all()
    assert found["array"].dtype == array.dtype
    assert math.isnan(found["nan"])
    assert found["inf"] == [-math.inf]
    assert draws.normal(size=3).tolist() == found["draws"].normal(size=3).tolist()
    assert own.gauss(0, 1) == found["own"].gauss(0, 1)


def test_markets_and_the_context_are_those_of_the_run_that_goes_on() -> None:
    _, before = opened()
    context, after = opened()
    after.restore(through_json(before.state(), context))
    assert after.ctx is context
    assert after.markets["um:ETHUSDT"] is context.market("um:ETHUSDT")


def test_by_default_a_strategy_cannot_tell() -> None:
    class Plain(Strategy):
        pass

    assert Plain().state() is None


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ((n for n in range(3)), r"builtins\.generator at x,"),
        ([1, {"a": lambda: 1}], r"builtins\.function at x\[1\]\['a'\],"),
        ({1: object()}, r"builtins\.object at x\[1\],"),
        ([].append, "builtin_function_or_method at x,"),
    ],
)
def test_what_cannot_be_written_is_named(value: Any, place: str) -> None:
    with pytest.raises(InputError, match=f"^strategy Mine: its state has a .*{place}"):
        written({"x": value}, "Mine")


def test_a_list_in_two_places_is_refused() -> None:
    shared = [1]
    with pytest.raises(InputError, match="one list in two places, a and b"):
        written({"a": shared, "b": {"deep": [shared]}}, "Mine")


def test_what_is_no_state() -> None:
    with pytest.raises(InputError, match="mapping or None, not list"):
        written([1], "Mine")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="a key 1; keys are text"):
        written({1: 2}, "Mine")  # type: ignore[dict-item]


@pytest.mark.parametrize(
    "code",
    [
        {"x": {"$": "nothing", "of": 1}},
        {"x": {"$": "decimal", "of": "1,0"}},
        {"x": {"$": "generator", "type": "test", "of": {}}},
        {"x": {"$": "array", "type": "O", "of": [1]}},
        {"x": {"$": "deque"}},
    ],
)
def test_damaged_states_are_one_clear_error(context: Any, code: Any) -> None:
    with pytest.raises(InputError, match="damaged"):
        revived(code, context)


def test_decimals_keep_their_digits(context: Any) -> None:
    assert str(through_json({"x": Decimal("1.500")}, context)["x"]) == "1.500"
