"""A rulebook written out for readers: every value with its source, as text and as Markdown."""

from __future__ import annotations

from itertools import groupby

from simulator.rulebook.schema import UNSAID, Figure, Rulebook


def rows_of(figure: Figure) -> list[tuple[str, str]]:
    """Return path and value of one figure as text: one row, or one a row of its table."""
    value = figure.value
    if isinstance(value, dict):
        return [(figure.path, f"{value['edge']} {value['at']}")]
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return [(f"{figure.path}.{n}", _row(row)) for n, row in enumerate(value, start=1)]
    if isinstance(value, list):
        return [(figure.path, ", ".join(str(entry) for entry in value) or "–")]
    if isinstance(value, bool):
        return [(figure.path, "yes" if value else "no")]
    return [(figure.path, str(value))]


def ids_of(rulebook: Rulebook) -> dict[str, str]:
    """Return the id of every source by its text."""
    ids = {source.text: key for key, source in rulebook.sources.items()}
    return ids | {UNSAID.text: "(default)"}


def page(rulebook: Rulebook) -> str:
    """Return a rulebook as one page of Markdown: sections with their values, sources, gaps."""
    ids = ids_of(rulebook)
    lines = [f"# Rulebook `{rulebook.name}`", "", f"{rulebook.title}.", ""]
    lines += [f"Made from the file by `unimargin rulebook show {rulebook.name} --markdown`."]
    lines += ["What the values mean: [rules](../rules.md). `(default)`: not in the file.", ""]
    for section, figures in groupby(rulebook.figures(), key=lambda f: f.path.split(".")[0]):
        lines += [f"## {section}", "", "| value | | how sure | source |", "|---|---|---|---|"]
        for figure in figures:
            for path, value in rows_of(figure):
                cell = value.replace("|", "\\|")
                lines.append(f"| `{path}` | {cell} | {figure.sure} | {ids[figure.source]} |")
        lines.append("")
    lines += ["## Sources", ""]
    lines += [f"- `{key}` ({s.sure}): {s.text}" for key, s in rulebook.sources.items()]
    if rulebook.gaps:
        lines += ["", "## Not known, or not modelled", ""]
        lines += [f"- {gap}" for gap in rulebook.gaps]
    return "\n".join(lines) + "\n"


def _row(row: dict[str, str]) -> str:
    """Return one row of a list of tables: a bracket in words, any other by its fields."""
    if "mmr" not in row:
        return ", ".join(f"{key} {value}" for key, value in row.items())
    cum = f"cum {row['cum']}, " if row.get("cum") else ""
    return f"{row['floor']} to {row['cap']}: mmr {row['mmr']}, {cum}up to {row['max_leverage']}x"
