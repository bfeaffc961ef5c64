"""``unimargin quiz``: the questionnaire that an account answers before it is unified, by hand."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.console import Console

from simulator.accounts.agreement import current
from simulator.accounts.questionnaire import (
    Grade,
    Question,
    answers_in_order,
    bank,
    check_answers,
    draw,
    grade,
)
from simulator.accounts.rules import ModeRules
from simulator.errors import InputError
from simulator.rulebook.load import load

ACCOUNT = 1

app = typer.Typer(help="Answer the questionnaire on portfolio margin, or print it for a class.")


@app.command()
def quiz(
    rulebook: Annotated[
        str, typer.Option(help="Rulebook that says how many questions, and the pass mark.")
    ] = "textbook",
    seed: Annotated[int, typer.Option(min=0, help="Seed of the draw, as of `run`.")] = 0,
    attempt: Annotated[int, typer.Option(min=1, help="Which attempt of the account.")] = 1,
    every: Annotated[bool, typer.Option("--all", help="The whole bank instead of a draw.")] = False,
    answers: Annotated[
        str, typer.Option(help="Grade these: b,d,a,... in order, or id=b,other-id=d.")
    ] = "",
    key: Annotated[
        bool, typer.Option("--key", help="Print the right answers with their reasons too.")
    ] = False,
    agreement: Annotated[
        bool, typer.Option("--agreement", help="Print the agreement and the risk disclosure.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Ask the questions in a terminal, grade given answers, or print the sheet.

    Exit 0: passed, or nothing to grade; 1: not passed.
    """
    rules = load(rulebook).mode_rules()
    questions = bank() if every else draw(seed, ACCOUNT, attempt, rules.questions)
    if agreement:
        _agreement(as_json)
        return
    if answers:
        given = _given(questions, answers)
    elif key or as_json or not sys.stdin.isatty():
        _sheet(questions, key, as_json)
        return
    else:
        given = _asked(questions)
    raise typer.Exit(_graded(grade(questions, given), questions, rules, as_json))


def _agreement(as_json: bool) -> None:
    texts = current()
    if as_json:
        document = {
            "version": texts.version,
            "agreement": texts.agreement,
            "disclosure": texts.disclosure,
        }
        print(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        print(f"{texts.agreement}\n{texts.disclosure}", end="")


def _given(questions: Sequence[Question], text: str) -> dict[str, str]:
    """Answers of the command line by question id."""
    parts = [part.strip() for part in text.split(",")]
    if "=" not in text:
        return answers_in_order(questions, parts)
    answers: dict[str, str] = {}
    for part in parts:
        name, found, choice = part.partition("=")
        if not found:
            raise InputError(f"answers: {part!r} must be such as {questions[0].id}=b")
        answers[name.strip()] = choice.strip()
    check_answers(answers)
    drawn = {one.id for one in questions}
    for name in answers:
        if name not in drawn:
            raise InputError(f"answers: {name} was not drawn for this seed and attempt")
    return answers


def _asked(questions: Sequence[Question]) -> dict[str, str]:
    """Ask in the terminal, one question after the other; an empty line is no answer."""
    console = Console()
    answers = {}
    for number, one in enumerate(questions, 1):
        console.print(f"\n[bold]{number}/{len(questions)}  {one.text}[/bold]", highlight=False)
        for letter, choice in one.choices.items():
            console.print(f"  {letter}  {choice}", highlight=False, markup=False)
        while True:
            choice = input(f"{', '.join(one.choices)}? ").strip().lower()
            if choice in one.choices or not choice:
                break
        if choice:
            answers[one.id] = choice
    return answers


def _sheet(questions: Sequence[Question], key: bool, as_json: bool) -> None:
    """Print the questions; with ``key`` the answers and the reasons."""
    if as_json:
        print(json.dumps([_plain(one, key) for one in questions], indent=2, ensure_ascii=False))
        return
    console = Console()
    for number, one in enumerate(questions, 1):
        console.print(f"[bold]{number}  {one.text}[/bold]  ({one.id})", highlight=False)
        for letter, choice in one.choices.items():
            mark = "*" if key and letter == one.answer else " "
            console.print(f" {mark}{letter}  {choice}", highlight=False, markup=False)
            if key:
                console.print(f"       {one.why[letter]}", highlight=False, markup=False)
        console.print()


def _plain(one: Question, key: bool) -> dict[str, Any]:
    found: dict[str, Any] = {
        "id": one.id,
        "topic": one.topic,
        "text": one.text,
        "choices": dict(one.choices),
    }
    return found | ({"answer": one.answer, "why": dict(one.why)} if key else {})


def _graded(result: Grade, questions: Sequence[Question], rules: ModeRules, as_json: bool) -> int:
    """Print what an attempt came to; return the exit code."""
    passed = result.score >= rules.pass_mark
    if as_json:
        document: Mapping[str, Any] = {
            "score": float(result.score),
            "pass_mark": float(rules.pass_mark),
            "passed": passed,
            "correct": result.correct,
            "questions": len(questions),
            "mistakes": [
                {"id": one.question.id, "given": one.given, "why": one.why}
                for one in result.mistakes
            ],
        }
        print(json.dumps(document, indent=2, ensure_ascii=False))
        return 0 if passed else 1
    console = Console()
    for one in result.mistakes:
        console.print(f"[bold]{one.question.text}[/bold]", highlight=False)
        said = one.question.choices.get(one.given, "no answer")
        console.print(f"  {one.given or '-'}  {said}", highlight=False, markup=False)
        console.print(f"     {one.why}\n", highlight=False, markup=False)
    verdict = "passed" if passed else "not passed"
    console.print(
        f"{result.correct} of {len(questions)} right ({result.score:.0%}), "
        f"needs {rules.pass_mark:.0%}: {verdict}",
        highlight=False,
    )
    return 0 if passed else 1
