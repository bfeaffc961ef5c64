"""The questionnaire by hand: what is drawn, graded and printed, and how a wrong answer reads."""

from __future__ import annotations

import io
import json

import pytest

from simulator import Simulation
from simulator.accounts.agreement import current
from simulator.accounts.questionnaire import bank, draw
from simulator.cli import quiz
from simulator.cli.main import run_command


class Terminal(io.StringIO):
    """Typed lines of somebody who sits at a terminal."""

    def isatty(self) -> bool:
        return True


def test_right_answers_pass_and_the_exit_code_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    right = ",".join(one.answer for one in draw(3, 1, 1, 10))
    assert run_command(["quiz", "--seed", "3", "--answers", right]) == 0
    assert capsys.readouterr().out == "10 of 10 right (100%), needs 80%: passed\n"


@pytest.mark.parametrize(("wrong", "code"), [(2, 0), (3, 1)])
def test_the_pass_mark_is_met_at_eight_of_ten(
    wrong: int, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    questions = draw(0, 1, 1, 10)
    given = {one.id: one.answer for one in questions}
    for one in questions[:wrong]:
        given[one.id] = next(choice for choice in one.choices if choice != one.answer)
    text = ",".join(f"{name}={choice}" for name, choice in given.items())
    assert run_command(["quiz", "--answers", text, "--json"]) == code
    told = json.loads(capsys.readouterr().out)
    assert told["correct"] == 10 - wrong
    assert told["passed"] is (code == 0)
    assert [one["id"] for one in told["mistakes"]] == [one.id for one in questions[:wrong]]
    assert all(one["why"] for one in told["mistakes"])


def test_at_a_terminal_a_letter_that_is_no_choice_is_asked_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    questions = draw(0, 1, 2, 10)
    typed = "".join(f"z\n{one.answer.upper()}\n" for one in questions[:9]) + "\n"
    monkeypatch.setattr("sys.stdin", Terminal(typed))
    assert run_command(["quiz", "--attempt", "2"]) == 0
    out = capsys.readouterr().out
    assert "9 of 10 right (90%)" in out
    assert "no answer" in out


def test_a_sheet_tells_no_answers_and_a_key_tells_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["quiz", "--all", "--json"]) == 0
    sheet = json.loads(capsys.readouterr().out)
    assert len(sheet) == len(bank()) >= 20
    assert not any("answer" in one or "why" in one for one in sheet)
    assert run_command(["quiz", "--all", "--key", "--json"]) == 0
    key = json.loads(capsys.readouterr().out)
    assert all(set(one["why"]) == set(one["choices"]) for one in key)


def test_the_agreement_is_printed_with_its_disclosure(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["quiz", "--agreement"]) == 0
    out = capsys.readouterr().out
    assert current().agreement.splitlines()[0] in out
    assert current().disclosure.splitlines()[0] in out


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ("z", "no choice 'z'; there are a, b, c, d"),
        (",".join("a" * 11), "11 choices for 10 questions"),
        ("nothing=a", "no question 'nothing'"),
        ("unimmr-definition=b,c", "'c' must be such as"),
    ],
)
def test_wrong_answers_are_one_line(
    answers: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["quiz", "--answers", answers]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert message in told.err
    assert told.err.count("\n") == 1


def test_an_answer_to_a_question_that_was_not_drawn_is_refused(
    capsys: pytest.CaptureFixture[str],
) -> None:
    drawn = {one.id for one in draw(0, 1, 1, 10)}
    other = next(one.id for one in bank() if one.id not in drawn)
    assert run_command(["quiz", "--answers", f"{other}=a"]) == 2
    assert "was not drawn" in capsys.readouterr().err


def test_the_account_asked_is_the_one_of_a_run() -> None:
    run = Simulation(data="bundled:calm", mode="unified", instruments=["um:BTCUSDT"])
    assert run.desk.account == quiz.ACCOUNT
