"""Alerts: each kind from both sides of its edge, said once, and again only after it was untrue."""

from __future__ import annotations

import pytest

from simulator.errors import InputError
from simulator.risk.alerts import Alerts, Watch, parse, watch
from simulator.risk.levels import RiskLevel

S = 10**9


def said(alerts: Alerts, time_s: float, equity: float, level: RiskLevel = RiskLevel.NORMAL,
         near: float = 1.0) -> list[str]:  # fmt: skip
    """Conditions said at a check of a pool that needs 100; ``near``: the share that liquidates."""
    found = alerts.update(
        int(time_s * S), "unified", equity, 100.0, level, lambda share: share >= near
    )
    return [alert.condition for _, alert in found]


def only(one: Watch) -> Alerts:
    """One watch of the run."""
    alerts = Alerts()
    alerts.add(one, -1)
    return alerts


def test_ratio_is_said_at_its_edge_once_and_again_after_it_rose() -> None:
    alerts = only(watch(ratio=1.3))
    assert said(alerts, 0, 130.01) == []
    assert said(alerts, 1, 130.0) == ["ratio <= 1.3"]
    assert said(alerts, 2, 120.0) == []
    assert said(alerts, 3, 131.0) == []
    assert said(alerts, 60.9, 129.0) == []  # within a minute
    assert said(alerts, 62, 131.0) == []
    assert said(alerts, 63, 129.0) == ["ratio <= 1.3"]


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        (RiskLevel.MARGIN_CALL, []),
        (RiskLevel.REDUCE_ONLY, ["level >= REDUCE_ONLY"]),
        (RiskLevel.BANKRUPT, ["level >= REDUCE_ONLY"]),
    ],
)
def test_level_is_said_from_that_level_on(level: RiskLevel, expected: list[str]) -> None:
    assert said(only(watch(level="reduce_only")), 0, 110, level) == expected


def test_distance_asks_for_its_own_share() -> None:
    alerts = only(watch(distance=0.05))
    assert said(alerts, 0, 200, near=0.0501) == []
    assert said(alerts, 1, 200, near=0.05) == ["distance <= 5%"]


def test_a_pool_in_liquidation_is_at_no_distance() -> None:
    alerts = only(watch(distance=0.05))
    assert said(alerts, 0, 90, RiskLevel.LIQUIDATION, near=1.0) == ["distance <= 5%"]


def test_fall_counts_from_the_highest_within_its_window() -> None:
    alerts = only(watch(fall=0.2, seconds=60))
    assert said(alerts, 0, 200) == []
    assert said(alerts, 30, 160.1) == []
    assert said(alerts, 60, 160.0) == ["fall >= 20% in 60s"]
    assert said(alerts, 61, 160.0) == []  # the 200 of second 0 has left the window
    assert said(alerts, 119, 160.0) == []
    assert said(alerts, 120, 128.0) == ["fall >= 20% in 60s"]


def test_a_watch_of_a_pool_ignores_others() -> None:
    alerts = only(watch(ratio=5, pool="um"))
    assert said(alerts, 0, 100) == []


def test_a_pool_without_requirement_has_no_ratio_to_fall() -> None:
    alerts = Alerts()
    for one in (watch(ratio=9), watch(fall=0.1, seconds=9), watch(distance=0.9)):
        alerts.add(one, 3)
    assert alerts.update(0, "um", 5.0, 0.0, RiskLevel.NORMAL, lambda _share: True) == []


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("ratio<=1.3", Watch("ratio", 1.3)),
        ("uniMMR < 1.2", Watch("ratio", 1.2)),
        ("level >= margin_call", Watch("level", 1.0)),
        ("um:BTCUSDT distance<=5%", Watch("distance", 0.05, "um:BTCUSDT")),
        ("fall>=0.2/60s", Watch("fall", 0.2, "", 60 * S)),
        ("cm:BTC fall >= 20% in 1.5s", Watch("fall", 0.2, "cm:BTC", 1_500_000_000)),
    ],
)
def test_sentences(sentence: str, expected: Watch) -> None:
    assert parse(sentence) == expected
    assert parse(str(expected)) == expected


@pytest.mark.parametrize(
    "sentence",
    [
        "", "ratio", "ratio>=1.3", "ratio<=x", "level>=NORMAL", "level>=3%", "fall>=20%",
        "distance<=120%", "distance<=5% in 3s", "fall>=20% in 0s", "ratio<=0", "price<=3",
    ],
)  # fmt: skip
def test_other_sentences_are_refused_in_one_line(sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(sentence)
    assert "\n" not in str(caught.value)
