"""The timeline of an account's life as a section of the HTML report."""

from __future__ import annotations

from html import escape
from typing import Any

from simulator.report.result import RunResult
from simulator.report.timeline import Line, lines, since, words
from simulator.report.values import utc


def life(run: RunResult) -> str:
    """Return the section, every condition of every step in it; empty where nothing is to tell."""
    told = lines(run)
    if not told:
        return ""
    whose = run.called or "the account"
    title = f"Life of {whose}, {run.mode} at the start, {utc(run.start_ns)}"
    head = "<th>since start</th><th>UTC</th><th>who</th><th>what</th><th>result</th>"
    body = "".join(_row(line, run.start_ns) for line in told)
    return (
        f"<section><h2>{escape(title)}</h2><table class=life><thead><tr>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table></section>"
    )


def _row(line: Line, start_ns: int) -> str:
    moment = utc(line.time_ns).split(" ")[1]
    times = f"<td class=time>{since(line.time_ns, start_ns)}</td><td class=time>{moment}</td>"
    if line.kind == "remark":
        return f"<tr class=remark>{times}<td></td><td colspan=2>“{escape(line.what)}”</td></tr>"
    kind = "refused" if line.refused else "taken" if line.kind == "step" else ""
    below = "".join(f"<li>{escape(text)}</li>" for text in line.details)
    conditions = "".join(_condition(one) for one in line.conditions)
    listed = f"<ul>{conditions}{below}</ul>" if conditions or below else ""
    return (
        f"<tr>{times}<td>{escape(line.actor)}</td><td>{escape(line.what)}</td>"
        f'<td><span class="{kind}">{escape(line.result)}</span>{listed}</td></tr>'
    )


def _condition(one: dict[str, Any]) -> str:
    met = bool(one["met"])
    return f"<li class={'met' if met else 'unmet'}>{'✓' if met else '✗'} {escape(words(one))}</li>"
