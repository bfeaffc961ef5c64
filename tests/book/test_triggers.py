"""Goal: conditional orders fire at their price, not one unit before, on both implementations.

Method: a table with both sides of every edge, cases of a trailing stop worked by hand, and random
streams that drive the readable and the compiled one side by side.
"""

from __future__ import annotations

import random

import pytest

from simulator.book import triggers, triggers_reference
from simulator.book.codes import BUY, SELL, PriceSource, Trigger

LAST, MARK = PriceSource.LAST, PriceSource.MARK

Triggers = triggers.Triggers | triggers_reference.Triggers


@pytest.fixture(
    params=[triggers_reference.Triggers, triggers.Triggers], ids=["reference", "compiled"]
)
def waiting(request: pytest.FixtureRequest) -> Triggers:
    """No orders yet."""
    return request.param()


# Each edge from both sides: the trigger price itself fires.
TABLE = """
    side  kind         before  trigger  price  fires
    BUY   STOP         100     105      104    no
    BUY   STOP         100     105      105    yes
    BUY   STOP         100     105      106    yes
    SELL  STOP         100     95       96     no
    SELL  STOP         100     95       95     yes
    SELL  STOP         100     95       94     yes
    BUY   TAKE_PROFIT  100     95       96     no
    BUY   TAKE_PROFIT  100     95       95     yes
    BUY   TAKE_PROFIT  100     95       94     yes
    SELL  TAKE_PROFIT  100     105      104    no
    SELL  TAKE_PROFIT  100     105      105    yes
    SELL  TAKE_PROFIT  100     105      106    yes
"""


@pytest.mark.parametrize("row", [line.split() for line in TABLE.strip().splitlines()[1:]])
def test_trigger_row(waiting: Triggers, row: list[str]) -> None:
    side, kind, before, trigger, price, fires = row
    waiting.on_price(LAST, int(before))
    assert waiting.add(7, {"BUY": BUY, "SELL": SELL}[side], Trigger[kind], LAST, int(trigger), 0, 0)
    assert waiting.trigger_price(7) == int(trigger)
    assert waiting.on_price(LAST, int(price)) == (fires == "yes")
    assert waiting.fired() == ([7] if fires == "yes" else [])
    assert waiting.waiting == (fires == "no")


# last price 100; refused where it would trigger immediately (Binance's -2021)
IMMEDIATE = """
    side  kind           trigger  activation  taken
    BUY   STOP           100      0           no
    BUY   STOP           101      0           yes
    SELL  STOP           100      0           no
    SELL  STOP           99       0           yes
    BUY   TAKE_PROFIT    100      0           no
    BUY   TAKE_PROFIT    99       0           yes
    SELL  TAKE_PROFIT    100      0           no
    SELL  TAKE_PROFIT    101      0           yes
    BUY   TRAILING_STOP  0        100         no
    BUY   TRAILING_STOP  0        99          yes
    SELL  TRAILING_STOP  0        100         no
    SELL  TRAILING_STOP  0        101         yes
    BUY   TRAILING_STOP  0        0           yes
    SELL  TRAILING_STOP  0        0           yes
"""


@pytest.mark.parametrize("row", [line.split() for line in IMMEDIATE.strip().splitlines()[1:]])
def test_immediate_row(waiting: Triggers, row: list[str]) -> None:
    side, kind, trigger, activation, taken = row
    order = {"BUY": BUY, "SELL": SELL}[side], Trigger[kind], LAST
    waiting.on_price(MARK, 100)
    assert waiting.add(1, *order, int(trigger), 100, int(activation)), "no last price yet"
    waiting.remove(1)
    waiting.on_price(LAST, 100)
    assert waiting.add(1, *order, int(trigger), 100, int(activation)) == (taken == "yes")
    assert waiting.waiting == (taken == "yes")
    assert waiting.on_price(LAST, 100) == 0


def test_sources_are_apart(waiting: Triggers) -> None:
    waiting.add(1, BUY, Trigger.STOP, LAST, 105, 0, 0)
    waiting.add(2, BUY, Trigger.STOP, MARK, 105, 0, 0)
    assert waiting.on_price(MARK, 106) == 1
    assert waiting.fired() == [2]
    assert (waiting.price(LAST), waiting.price(MARK)) == (0, 106)
    assert waiting.on_price(LAST, 106) == 1
    assert waiting.fired() == [1]


def test_fired_orders_come_in_order_of_arrival(waiting: Triggers) -> None:
    for slot, trigger in [(5, 103), (2, 101), (9, 105), (3, 102)]:
        waiting.add(slot, BUY, Trigger.STOP, LAST, trigger, 0, 0)
    assert waiting.on_price(LAST, 103) == 3
    assert waiting.fired() == [5, 2, 3]
    assert waiting.on_price(LAST, 104) == 0
    assert waiting.fired() == []


def test_removed_order_never_fires_and_comes_last_when_added_again(waiting: Triggers) -> None:
    waiting.add(1, BUY, Trigger.STOP, LAST, 105, 0, 0)
    waiting.add(2, BUY, Trigger.STOP, LAST, 105, 0, 0)
    assert waiting.remove(1)
    assert not waiting.remove(1)
    assert waiting.trigger_price(1) == 0
    waiting.add(1, BUY, Trigger.STOP, LAST, 105, 0, 0)
    waiting.on_price(LAST, 105)
    assert waiting.fired() == [2, 1]


def test_slot_that_waits_cannot_be_added_again(waiting: Triggers) -> None:
    waiting.add(1, BUY, Trigger.STOP, LAST, 105, 0, 0)
    with pytest.raises(ValueError, match="slot 1 waits already"):
        waiting.add(1, SELL, Trigger.STOP, LAST, 95, 0, 0)


def test_sell_trails_the_highest_price(waiting: Triggers) -> None:
    """1 % below the highest since activation at 10,100: 10,500 gives 10,395."""
    waiting.on_price(LAST, 10_000)
    assert waiting.add(1, SELL, Trigger.TRAILING_STOP, LAST, 0, 100, 10_100)
    for price, trigger in [
        (10_099, 0),  # not active, so a fall of more than 1 % means nothing
        (9_000, 0),
        (10_100, 9_999),
        (10_500, 10_395),
        (10_396, 10_395),
    ]:
        assert waiting.on_price(LAST, price) == 0
        assert waiting.trigger_price(1) == trigger
    assert waiting.on_price(LAST, 10_395) == 1


def test_buy_trails_the_lowest_price(waiting: Triggers) -> None:
    """1 % above the lowest since activation at 9,900: 9,500 gives 9,595."""
    waiting.on_price(LAST, 10_000)
    assert waiting.add(1, BUY, Trigger.TRAILING_STOP, LAST, 0, 100, 9_900)
    for price, trigger in [(11_000, 0), (9_901, 0), (9_900, 9_999), (9_500, 9_595), (9_594, 9_595)]:
        assert waiting.on_price(LAST, price) == 0
        assert waiting.trigger_price(1) == trigger
    assert waiting.on_price(LAST, 9_595) == 1


@pytest.mark.parametrize(
    ("side", "extreme", "callback", "threshold"),
    [
        (SELL, 333, 100, 329),  # 329.67: 330 is not yet 1 % down
        (BUY, 333, 100, 337),  # 336.33
        (SELL, 10_000, 10, 9_990),
        (BUY, 10_000, 1_000, 11_000),
        (SELL, 3 * 10**18 + 1, 1, 2_999_700_000_000_000_000),  # 0.9999 left over, rounded down
        (BUY, 3 * 10**18 + 1, 1, 3_000_300_000_000_000_002),
    ],
)
def test_trailing_threshold_is_exact(
    waiting: Triggers, side: int, extreme: int, callback: int, threshold: int
) -> None:
    waiting.add(1, side, Trigger.TRAILING_STOP, LAST, 0, callback, 0)
    waiting.on_price(LAST, extreme)
    assert waiting.trigger_price(1) == threshold
    assert waiting.on_price(LAST, threshold - side) == 0
    assert waiting.on_price(LAST, threshold) == 1


@pytest.mark.parametrize("seed", range(30))
def test_twins_agree(seed: int) -> None:
    draw = random.Random(seed)
    readable, compiled = triggers_reference.Triggers(), triggers.Triggers()
    scale = draw.choice([1, 10, 10**11, 4 * 10**16])
    price = {source: 100 * scale for source in PriceSource}
    fired = 0
    for number in range(1_000):
        where = f"seed {seed}, step {number}"
        slot, source = draw.randint(1, 40), draw.choice(list(PriceSource))
        near = [price[source] + draw.randint(-8, 8) * scale + draw.randint(-2, 2) for _ in "12"]
        trigger, activation = (min(max(1, value), 2**62 - 1) for value in near)
        if draw.random() < 0.25 and not readable.trigger_price(slot):
            assert compiled.remove(slot) == readable.remove(slot), where
            kind, side = draw.choice(list(Trigger)), draw.choice([BUY, SELL])
            args = (slot, side, kind, source, trigger)
            args = (*args, draw.choice([10, 37, 100, 999]), draw.choice([0, activation]))
            assert compiled.add(*args) == readable.add(*args), where
        elif draw.random() < 0.1:
            assert compiled.remove(slot) == readable.remove(slot), where
        else:
            price[source] = trigger
            assert compiled.on_price(source, trigger) == readable.on_price(source, trigger), where
            assert compiled.fired() == readable.fired(), where
            assert [compiled.fired_slot(i) for i in range(compiled.n_fired)] == readable.fired()
            fired += compiled.n_fired
        assert compiled.waiting == readable.waiting, where
        for each in range(1, 41):
            assert compiled.trigger_price(each) == readable.trigger_price(each), where
    assert fired > 20, "the stream hardly fires anything"
