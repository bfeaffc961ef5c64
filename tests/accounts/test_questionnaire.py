"""Goal: the questionnaire is fit to be answered and to teach; draws and grades are exact.

Method: properties of the whole bank; draws by seed; grades written out; every figure that a right
answer rests on computed again by the margin calculator or by hand from the rulebook.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from decimal import Decimal
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator import margin
from simulator.accounts import agreement
from simulator.accounts.questionnaire import (
    Question,
    answers_in_order,
    bank,
    check_answers,
    draw,
    grade,
    right_answers,
    wrong_answers,
)
from simulator.errors import InputError
from simulator.rulebook.load import load

D = Decimal
TOPICS = {
    "unimmr", "ladder", "cascade", "spot_at_risk", "hedge", "hedge_failure", "interest",
    "collateral", "suspension", "way_back", "separated", "wallets", "eligibility",
}  # fmt: skip
LETTERS = ("a", "b", "c", "d")


@pytest.fixture(params=bank(), ids=lambda one: one.id)
def question(request: pytest.FixtureRequest) -> Question:
    assert isinstance(request.param, Question)
    return request.param


def test_the_bank_is_large_and_even() -> None:
    questions = bank()
    assert len(questions) >= 24
    assert len({one.id for one in questions}) == len(questions)
    assert len({one.text for one in questions}) == len(questions)
    topics = Counter(one.topic for one in questions)
    assert set(topics) == TOPICS
    assert set(topics.values()) <= {2, 3}
    letters = Counter(one.answer for one in questions)
    assert set(letters) == set(LETTERS)
    assert max(letters.values()) - min(letters.values()) <= 1


def test_length_does_not_give_the_answer_away() -> None:
    """Guessing the longest choice must not pass."""
    longest = [max(one.choices, key=lambda key: len(one.choices[key])) for one in bank()]
    right = sum(guess == one.answer for guess, one in zip(longest, bank(), strict=True))
    assert right <= 0.4 * len(bank())


def test_question_is_complete(question: Question) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", question.id)
    assert tuple(question.choices) == LETTERS
    assert tuple(question.why) == LETTERS
    assert question.answer in question.choices
    assert question.text.rstrip().endswith("?")
    assert len(set(question.choices.values())) == len(LETTERS)
    # Questions are drawn one by one, so none may lean on another.
    assert not re.search(r"\b([Tt]he same (pair|account|pool)|previous|as before)\b", question.text)


def test_every_choice_is_explained(question: Question) -> None:
    for letter in LETTERS:
        assert question.why[letter].endswith((".", ")"))
        assert len(question.why[letter]) >= 30
        assert question.why[letter] != question.choices[letter]
    assert len(set(question.why.values())) == len(LETTERS)


def test_a_draw_follows_from_seed_account_and_attempt() -> None:
    first = draw(7, 1, 1, 10)
    assert [one.id for one in first] == [one.id for one in draw(7, 1, 1, 10)]
    assert first != draw(8, 1, 1, 10)
    assert first != draw(7, 2, 1, 10)
    # Written out, so that another machine, or another version of Python, would show.
    assert sha256("/".join(one.id for one in first).encode()).hexdigest()[:8] == "85206240"


def test_every_attempt_is_another_draw() -> None:
    attempts = [tuple(one.id for one in draw(7, 1, attempt, 10)) for attempt in range(200)]
    assert len(set(attempts)) == 200
    assert len({frozenset(ids) for ids in attempts}) > 190
    # Every question comes up, none far more often than another of its topic.
    seen = Counter(name for ids in attempts for name in ids)
    assert set(seen) == {one.id for one in bank()}


@given(st.integers(), st.integers(0, 10**6), st.integers(0, 100), st.integers(0, len(bank())))
def test_topics_are_spread(seed: int, account: int, attempt: int, count: int) -> None:
    drawn = draw(seed, account, attempt, count)
    assert len({one.id for one in drawn}) == count
    topics = Counter(one.topic for one in drawn)
    everything = Counter(one.topic for one in bank())
    most = max(topics.values(), default=0)
    # No topic has two fewer than another one unless it has no more questions.
    assert all(topics[topic] >= min(most - 1, everything[topic]) for topic in everything)


@pytest.mark.parametrize("count", [-1, len(bank()) + 1])
def test_a_draw_of_more_than_there_is(count: int) -> None:
    with pytest.raises(InputError, match=f"must be 0 to {len(bank())}, not {count}"):
        draw(1, 1, 1, count)


def test_right_and_wrong_answers() -> None:
    questions = draw(1, 1, 1, 10)
    passed = grade(questions, right_answers(questions))
    assert (passed.score, passed.correct, passed.mistakes) == (1, 10, ())
    failed = grade(questions, wrong_answers(questions))
    assert (failed.score, failed.correct) == (0, 0)
    assert [one.question for one in failed.mistakes] == list(questions)


def test_a_grade_counts_and_explains() -> None:
    questions = draw(1, 1, 1, 10)
    answers = right_answers(questions)
    wrong = wrong_answers(questions)
    first, second = questions[:2]
    answers[first.id] = wrong[first.id]
    del answers[second.id]
    found = grade(questions, answers)
    assert (found.score, found.correct) == (D("0.8"), 8)
    assert [(one.question.id, one.given) for one in found.mistakes] == [
        (first.id, wrong[first.id]),
        (second.id, ""),
    ]
    right = f"Right is {first.answer}: {first.why[first.answer]}"
    assert found.mistakes[0].why == f"{first.why[wrong[first.id]]} {right}"
    assert found.mistakes[1].why == f"Right is {second.answer}: {second.why[second.answer]}"


def test_no_answers_are_all_wrong_and_no_questions_all_right() -> None:
    assert grade(draw(1, 1, 1, 10), {}).score == 0
    assert grade((), {}).score == 1


def test_answers_in_order() -> None:
    questions = draw(1, 1, 1, 3)
    answers = answers_in_order(questions, ["a", "", "d"])
    assert answers == {questions[0].id: "a", questions[2].id: "d"}
    with pytest.raises(InputError, match="4 choices for 3 questions"):
        answers_in_order(questions, "abcd")


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ({"no-such": "a"}, "answers: no question 'no-such'; such as 'unimmr-definition'"),
        ({"unimmr-none": "e"}, "answers: unimmr-none: no choice 'e'; there are a, b, c, d"),
        ({"unimmr-none": "A"}, "answers: unimmr-none: no choice 'A'; there are a, b, c, d"),
    ],
)
def test_answers_that_do_not_exist(answers: Mapping[str, str], message: str) -> None:
    with pytest.raises(InputError) as raised:
        check_answers(answers)
    assert str(raised.value) == message


# ------------------------------------------------------------------ the figures

BTC = {"instrument": "BTCUSDT", "quantity": 1, "entry_price": 50_000}
ETH_SHORT = {"instrument": "ETHUSDT", "quantity": -10, "entry_price": 3_000}
ETH_30 = {"instrument": "ETHUSDT", "quantity": 30, "entry_price": 3_000}
QUARTERLY = {"instrument": "BTCUSDT_270326", "quantity": -1, "entry_price": 50_000}


def pool(
    balances: Mapping[str, Any], *positions: Mapping[str, Any], btc: float = 50_000,
    eth: float = 3_000, **more: Any,
) -> Any:  # fmt: skip
    """Return the figures of the first pool of a document; unified and textbook unless told."""
    document = {
        "mode": "unified",
        "time": "2026-11-22T00:00:00Z",
        "prices": {"index": {"USDT": 1, "BTC": btc, "ETH": eth}},
        "balances": balances,
        "positions": list(positions),
    }
    return margin({**document, **more}).pools[0]


def usdt(amount: float) -> dict[str, dict[str, float]]:
    return {"spot": {"USDT": amount}}


def spot_carry() -> list[float]:
    short = {**BTC, "quantity": -1}
    apart = pool({"um": {"USDT": 5_000}}, short, mode="separated")
    return [pool({"spot": {"BTC": 1}}, short).initial_margin, apart.initial_margin]


def same_coin() -> list[float]:
    """Ratios after a fall of 13 / 43 = 30.2 % on the coin, of 13 / 28 = 46.4 % on USDT."""
    double = {**BTC, "quantity": 2}
    coin = pool({"spot": {"BTC": 1}}, double, btc=50_000 * 30 / 43)
    cash = pool(usdt(50_000), double, btc=50_000 * 15 / 28)
    return [coin.ratio, cash.ratio, coin.equity]


def isolated(*positions: Mapping[str, Any]) -> list[Any]:
    """Return the pools of isolated positions with as much margin each as they say."""
    document = {
        "mode": "separated",
        "prices": {"index": {"USDT": 1, "BTC": 50_000, "ETH": 3_000}},
        "positions": list(positions),
    }
    return [one for one in margin(document).pools if one.positions]


def cascade() -> list[float]:
    (apart,) = isolated({**ETH_30, "isolated_wallet": 9_000})
    held = pool(usdt(20_000), ETH_30, eth=2_700)
    liquidation = apart.positions[0].liquidation_price
    return [liquidation, held.equity, held.maintenance_margin, held.ratio]


def separated_pair() -> list[float]:
    pair = {**BTC, "isolated_wallet": 5_000}, {**ETH_SHORT, "isolated_wallet": 3_000}
    return [one.initial_margin for one in isolated(*pair)]


def figures(one: Any, *names: str) -> list[float]:
    return [getattr(one, name) for name in names]


def price_range_edge() -> list[float]:
    at_edge = pool(usdt(20_000), ETH_30, eth=2_700)
    at_liquidation = pool(usdt(20_000), ETH_30, eth=2_500)
    position = pool(usdt(20_000), ETH_30).positions[0]
    return [
        *figures(at_edge, "equity", "maintenance_margin", "ratio"),
        *figures(at_liquidation, "equity", "maintenance_margin", "ratio"),
        position.liquidation_price,
        position.bankruptcy_price,
    ]


def hedge() -> list[float]:
    one = pool(usdt(6_000), BTC, ETH_SHORT)
    long_long = pool(usdt(6_000), BTC, {**ETH_SHORT, "quantity": 10})
    return [
        *figures(one, "initial_margin", "maintenance_margin", "ratio"),
        one.components["inter_credit"],
        long_long.initial_margin,
    ]


def broken() -> list[float]:
    one = pool(usdt(6_000), BTC, ETH_SHORT, correlation={"BTC/ETH": 0})
    both = pool(usdt(6_000), BTC, ETH_SHORT, btc=47_500, eth=3_150)
    return [
        *figures(one, "initial_margin", "maintenance_margin", "ratio"),
        *figures(both, "equity", "maintenance_margin", "ratio"),
    ]


def calendar() -> list[float]:
    both = pool(usdt(3_000), BTC, QUARTERLY)
    alone = pool(usdt(3_000), BTC)
    return [
        *figures(both, "initial_margin", "ratio"),
        *figures(alone, "initial_margin", "maintenance_margin", "ratio"),
    ]


def haircut() -> list[float]:
    one = pool({"margin": {"BTC": 1}, "um": {"USDT": -10_000}}, rulebook="binance")
    return figures(one, "equity", "account_equity")


def equity() -> list[float]:
    loss = {**BTC, "quantity": 0.1, "entry_price": 60_000}
    balances = {
        "margin": {"USDT": {"asset": 10_000, "loan": 2_000}, "BTC": 0.1},
    }
    return figures(pool(balances, loss), "equity")


def interest() -> list[float]:
    book = load("textbook").interest
    daily = D(book.daily_e8("USDT")) / 10**8
    assert book.on_borrow
    assert book.every_hours == 1
    return [float(10_000 * daily / 24), float(20_000 * daily * 30), float(20_000 * daily)]


def negative() -> list[float]:
    terms = load("binance").negative_balance
    assert terms is not None
    short = abs(min(D(-10_050) + terms.free["USDT"], D(0)))
    return [float(short * terms.daily_e8("USDT") / 10**8), terms.hour_utc]


def withdrawal() -> list[float]:
    one = pool(usdt(10_000), BTC, ETH_SHORT)
    return [*figures(one, "initial_margin", "maintenance_margin"), one.assets[0].max_withdraw]


FIGURES: dict[Callable[[], list[float]], list[float]] = {
    price_range_edge: [11_000, 5_400, 11_000 / 5_400, 5_000, 5_000, 1.0, 2_500, 7_000 / 3],
    cascade: [81_000 / 28, 11_000, 5_400, 11_000 / 5_400],
    hedge: [6_000, 4_000, 1.5, -2_000, 8_000],
    broken: [8_000, 16_000 / 3, 1.125, 2_000, 11_600 / 3, 6_000 / 11_600],
    spot_carry: [0, 5_000],
    calendar: [500, 9, 5_000, 10_000 / 3, 0.9],
    same_coin: [1.0, 1.0, 200_000 / 43],
    haircut: [40_000, 37_500],
    equity: [12_000],
    separated_pair: [5_000, 3_000],
    interest: [0.0551375, 79.398, 2.6466],
    negative: [0.05, 0],
    withdrawal: [6_000, 4_000, 4_000],
}
"""What questions, explanations and the risk disclosure say, computed again."""


@pytest.mark.parametrize("computed", FIGURES, ids=lambda one: one.__name__)
def test_figures(computed: Callable[[], list[float]]) -> None:
    assert computed() == pytest.approx(FIGURES[computed], rel=1e-9, abs=1e-9)


def test_rules_that_questions_name() -> None:
    textbook, binance = load("textbook"), load("binance")
    asked = textbook.mode_rules()
    assert asked.net_assets == 100_000
    assert asked.account_age_days == 30
    assert asked.switch_ns == 5 * 60 * 10**9
    assert (asked.split_to, asked.open_orders) == ("spot", "cancel")
    assert binance.mode_rules().open_orders == "refuse"
    assert (asked.withdrawal_ratio, binance.mode_rules().withdrawal_ratio) == (D("1.5"), D("1.2"))
    ladder = textbook.margin_rules("unified").ladder
    assert ladder.margin_call is not None
    assert (ladder.margin_call.at, ladder.liquidation.at, ladder.target) == (D("1.5"), 1, D("1.5"))
    assert ladder.reduce_only is None
    other = binance.margin_rules("unified").ladder
    assert other.margin_call is not None
    assert other.reduce_only is not None
    rungs = (other.margin_call.at, other.reduce_only.at, other.liquidation.at, other.target)
    assert rungs == (D("1.5"), D("1.2"), D("1.05"), D("1.05"))
    assert textbook.liquidation.fee == D("0.005")
    assert "spot" in textbook.unified.members
    assert binance.unified.members == ("margin", "um", "cm")


# ------------------------------------------------------------------ the agreement


def test_the_agreement_has_its_version() -> None:
    found = agreement.current()
    assert found.version == agreement.VERSION
    for text in (found.agreement, found.disclosure):
        assert f"Version {found.version}." in text
        assert len(text) > 2_000


def test_a_changed_text_is_a_new_version() -> None:
    """Who accepted a version accepted this text: change both together."""
    found = agreement.current()
    digest = sha256((found.agreement + found.disclosure).encode()).hexdigest()[:12]
    assert {"2026-11": "f14c5a811bea"}[found.version] == digest
