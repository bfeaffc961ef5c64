"""Goal: edges come out in order and never after they went stale; due pools come out as a full pass
would reach them.

Method: against plain sorted lists, in random orders.
"""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from simulator.risk.bands_edges import Due, Heap

POOLS = 6


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("push"), st.integers(0, POOLS - 1), st.integers(-50, 50)),
            st.tuples(st.just("new"), st.integers(0, POOLS - 1), st.just(0)),
            st.tuples(st.just("reach"), st.just(0), st.integers(-50, 50)),
            st.tuples(st.just("sweep"), st.just(0), st.just(0)),
        ),
        max_size=200,
    )
)
def test_a_heap_gives_the_valid_edges_below_a_value(steps: list[tuple[str, int, int]]) -> None:
    versions = np.zeros(POOLS, "i4")
    heap = Heap()
    valid: list[tuple[int, int]] = []
    for kind, pool, key in steps:
        if kind == "push":
            heap.push(float(key), pool, int(versions[pool]), memoryview(versions))
            valid.append((key, pool))
        elif kind == "new":
            versions[pool] += 1
            valid = [edge for edge in valid if edge[1] != pool]
        elif kind == "sweep":
            heap.sweep(memoryview(versions))
            assert heap.size == len(valid)
        else:
            found = []
            while heap.top < key:
                top = heap.top
                pool = heap.pop()
                if heap.popped == versions[pool]:
                    found.append((int(top), pool))
            assert [edge[0] for edge in found] == sorted(e[0] for e in valid if e[0] < key)
            assert sorted(found) == sorted(edge for edge in valid if edge[0] < key)
            valid = [edge for edge in valid if edge[0] >= key]


def test_a_heap_full_of_stale_edges_does_not_grow() -> None:
    versions = np.zeros(1, "i4")
    heap = Heap()
    for number in range(100_000):
        versions[0] += 1
        heap.push(float(number), 0, int(versions[0]), memoryview(versions))
    assert heap.bytes() < 1000


@given(st.lists(st.one_of(st.integers(0, POOLS - 1), st.just(-1)), max_size=100))
def test_due_pools_come_in_the_order_of_a_full_pass(steps: list[int]) -> None:
    due = Due(POOLS)
    waiting: set[int] = set()
    later: set[int] = set()
    current = -1
    for step in steps:
        if step >= 0:
            due.add(step)
            if step not in waiting | later:
                (waiting if step > current else later).add(step)
            continue
        expected = min(waiting, default=-1)
        assert due.take() == expected
        waiting.discard(expected)
        current = expected
        if expected < 0:
            waiting, later = later, set()
