"""The questionnaire on portfolio margin: a bank of questions, drawn by seed, graded.

The questions stand in ``questionnaire.toml`` beside this module, each with the reason why every
choice is right or wrong, so that a failed attempt teaches.  Which ones an attempt has follows
from the run's seed, the account and the attempt's number by BLAKE2, the same on every machine.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from hashlib import blake2b
from itertools import zip_longest
from pathlib import Path
from types import MappingProxyType

from simulator.errors import InputError

FILE = Path(__file__).with_name("questionnaire.toml")


@dataclass(frozen=True, slots=True)
class Question:
    """One question: ``choices`` and ``why`` (each is right or wrong) by letter."""

    id: str
    topic: str
    text: str
    choices: Mapping[str, str]
    answer: str
    why: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Mistake:
    """A question answered wrongly; ``given`` is empty where it was not answered at all."""

    question: Question
    given: str
    why: str


@dataclass(frozen=True, slots=True)
class Grade:
    """What an attempt came to; ``score`` is the share of right answers, from 0 to 1."""

    score: Decimal
    correct: int
    mistakes: tuple[Mistake, ...]


@cache
def bank() -> tuple[Question, ...]:
    """Return every question, in the file's order."""
    rows = tomllib.loads(FILE.read_text("utf-8"))["question"]
    return tuple(
        Question(
            id=row["id"],
            topic=row["topic"],
            text=row["text"],
            choices=MappingProxyType(row["choices"]),
            answer=row["answer"],
            why=MappingProxyType(row["why"]),
        )
        for row in rows
    )


def draw(seed: int, account: int, attempt: int, count: int) -> tuple[Question, ...]:
    """Return the questions of one attempt; topics are spread as evenly as ``count`` allows.

    Raises InputError where the bank holds fewer.

    >>> first, second = draw(7, 1, 1, 10), draw(7, 1, 2, 10)
    >>> first == draw(7, 1, 1, 10), first == second
    (True, False)
    """
    if not 0 <= count <= len(bank()):
        raise InputError(f"questions: must be 0 to {len(bank())}, not {count}")
    by_topic: dict[str, list[Question]] = {}
    for one in sorted(bank(), key=lambda question: _rank(seed, account, attempt, question.id)):
        by_topic.setdefault(one.topic, []).append(one)
    # Topics stand in the order of their best-ranked question; one of each comes before two of any.
    rounds = zip_longest(*by_topic.values())
    return tuple(one for row in rounds for one in row if one is not None)[:count]


def grade(questions: Sequence[Question], answers: Mapping[str, str]) -> Grade:
    """Return what answers (question id to choice) come to; one that is missing is wrong.

    Without any questions everything is right.
    """
    mistakes = tuple(
        Mistake(one, answers.get(one.id, ""), _explain(one, answers.get(one.id, "")))
        for one in questions
        if answers.get(one.id, "") != one.answer
    )
    correct = len(questions) - len(mistakes)
    score = Decimal(correct) / len(questions) if questions else Decimal(1)
    return Grade(score, correct, mistakes)


def check_answers(answers: Mapping[str, str]) -> None:
    """Raise InputError where an answer names no question of the bank, or none of its choices."""
    known = {one.id: one for one in bank()}
    for name, choice in answers.items():
        if name not in known:
            raise InputError(f"answers: no question {name!r}; such as {next(iter(known))!r}")
        if choice not in known[name].choices:
            choices = ", ".join(known[name].choices)
            raise InputError(f"answers: {name}: no choice {choice!r}; there are {choices}")


def answers_in_order(questions: Sequence[Question], choices: Sequence[str]) -> dict[str, str]:
    """Return choices given in the questions' order by question id; an empty one is no answer.

    Raises InputError where there are more choices than questions, or one does not exist.
    """
    if len(choices) > len(questions):
        raise InputError(f"answers: {len(choices)} choices for {len(questions)} questions")
    pairs = zip(questions, choices, strict=False)
    answers = {one.id: choice for one, choice in pairs if choice}
    check_answers(answers)
    return answers


def right_answers(questions: Sequence[Question]) -> dict[str, str]:
    """Return the right choice of every question."""
    return {one.id: one.answer for one in questions}


def wrong_answers(questions: Sequence[Question]) -> dict[str, str]:
    """Return for every question its first choice that is wrong."""
    return {one.id: next(c for c in one.choices if c != one.answer) for one in questions}


def _rank(seed: int, account: int, attempt: int, name: str) -> bytes:
    return blake2b(f"{seed}/{account}/{attempt}/{name}".encode(), digest_size=8).digest()


def _explain(question: Question, given: str) -> str:
    right = f"Right is {question.answer}: {question.why[question.answer]}"
    return f"{question.why[given]} {right}" if given in question.why else right
