"""The derivation of a pool's figures: every line with its numbers, its rule and the rule's source.

The lines are the readable model's own (`simulator.risk.reference`), so what is explained is what
was computed.  A student can type every line into a pocket calculator.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.text import Text

from simulator.calculator.figures import Figures, plain
from simulator.risk.state import Step
from simulator.rulebook.schema import Figure

SURE = {
    "verified": "read in the source and recomputed",
    "read": "read in the source",
    "secondary": "read at second hand",
    "inferred": "follows from what was read",
    "memory": "remembered, not checked",
    "chosen": "this project's choice",
}

VALUES_SHOWN = 6


def lines(steps: Sequence[Step], figures: Mapping[str, Figure]) -> list[Figures]:
    """Return steps as JSON holds them; ``value``, ``source`` and ``sure`` are the rule's, None
    where the line is arithmetic only.
    """
    made = []
    for step in steps:
        rule = _rule(step.rule, figures)
        made.append(
            Figures(
                name=step.name,
                formula=step.formula,
                numbers=step.numbers,
                result=None if step.result is None else plain(step.result),
                unit=step.unit,
                rule=step.rule or None,
                **rule,
            )
        )
    return made


def _rule(path: str, figures: Mapping[str, Figure]) -> dict[str, Any]:
    """Return value, source and sureness of the figures at or below a path of the rulebook."""
    nothing = {"value": None, "source": None, "sure": None}
    if not path:
        return nothing
    found = [f for p, f in figures.items() if p == path or p.startswith(f"{path}.")]
    while not found and "." in path:  # a default stands for what is not listed
        path = path.rpartition(".")[0]
        found = [f for p, f in figures.items() if p == path or p.startswith(f"{path}.")]
    if not found:
        return nothing
    values = {f.path.removeprefix(path).lstrip("."): f.value for f in found}
    alone = next(iter(values.values())) if len(values) == 1 else None
    return {
        "value": alone if alone is not None else dict(list(values.items())[:VALUES_SHOWN]),
        "source": found[0].source,
        "sure": found[0].sure,
    }


def paragraphs(pools: Sequence[Mapping[str, Any]]) -> Iterator[Text]:
    """Yield the derivations of all pools for people, a paragraph a line of arithmetic."""
    sources: dict[tuple[str, str], int] = {}
    for pool in pools:
        yield Text(f"\nPool {pool['pool']}", style="bold underline")
        for number, line in enumerate(pool["steps"], start=1):
            yield _paragraph(number, line, sources)
    if sources:
        yield Text("\nSources", style="bold")
    for (source, sure), number in sources.items():
        yield Text(f"  [{number}] {source} ({SURE.get(sure, sure)})")


def _paragraph(number: int, line: Mapping[str, Any], sources: dict[tuple[str, str], int]) -> Text:
    text = Text(f"{number:>3}. ")
    text.append(line["name"], style="bold")
    text.append(f" = {line['formula']}")
    if line["numbers"]:
        text.append(f"\n       = {line['numbers']}")
    if line["result"] is not None:
        unit = f" {line['unit']}" if line["unit"] else ""
        text.append(f"\n       = {written(line['result'])}{unit}", style="green")
    if line["rule"]:
        text.append(f"\n       rule {line['rule']}", style="dim")
        if isinstance(line["value"], str | int | float) and not isinstance(line["value"], bool):
            text.append(f" = {line['value']}", style="dim")
        if line["source"]:
            key = (line["source"], line["sure"])
            text.append(f" [{sources.setdefault(key, len(sources) + 1)}]", style="dim")
    return text


def written(value: float) -> str:
    """Write a result with up to ten significant digits behind the point, without trailing zeros.

    >>> written(1234.5), written(0.1 + 0.2), written(6000.0)
    ('1,234.5', '0.3', '6,000')
    """
    text = f"{value:,.10f}"
    return text.rstrip("0").rstrip(".") or "0"
