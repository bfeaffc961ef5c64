"""The advice for people: verdict, margin, shocks, conditions; readable at 80 columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from simulator.calculator.tables import LEVEL_STYLE
from simulator.report.values import MISSING, amount, signed
from simulator.units.text import plain

VERDICT_STYLE = {
    "unified": "bold green",
    "gains_little": "bold",
    "spot_at_risk": "bold red",
    "merge_unsafe": "bold red",
    "practise_separated": "bold yellow",
}

MARGIN = (
    ("equity", "Equity"),
    ("initial_margin", "Initial margin"),
    ("maintenance_margin", "Maintenance margin"),
    ("available", "Available in pools"),
    ("outside", "Outside of pools"),
)

SHORT = {
    "NORMAL": "normal",
    "MARGIN_CALL": "call",
    "REDUCE_ONLY": "reduce",
    "LIQUIDATION": "LIQUID.",
    "BANKRUPT": "BANKRUPT",
}


def advice_tables(advice: Mapping[str, Any]) -> Iterator[RenderableType]:
    """Yield what to print, in order."""
    verdict = advice["verdict"]
    at = f", at {advice['time']}" if advice["time"] else ""
    yield Text(f"Advice on the account mode, rulebook {advice['rulebook']}{at}", style="dim")
    yield Text(f"\n{verdict['says']}\n", style=VERDICT_STYLE[verdict["code"]])
    points = Table.grid(padding=(0, 1))
    for one in verdict["reasons"]:
        points.add_row("-", Text(one["says"]))
    for hint in verdict["hints"]:
        points.add_row("!", Text(hint, style="yellow"))
    yield points
    yield ""
    yield margin_table(advice["margin"])
    yield shocks_table(advice["shocks"])
    yield from _at_risk(advice["shocks"])
    yield conditions_table(advice["eligibility"])
    for note in advice["notes"]:
        yield Text(f"note: {note}", style="dim")


def margin_table(margin: Mapping[str, Any]) -> Table:
    """Return what both modes make of the account."""
    table = _table("Margin, USD", "", "separated", "unified", "difference")
    sides = margin["separated"], margin["unified"]
    for key, label in MARGIN:
        one, other = (side[key] for side in sides)
        table.add_row(label, amount(one), amount(other), signed(other - one))
    table.add_row("Worst level", *(_level(side["level"]) for side in sides), "")
    table.add_row("  equity / maintenance", *(_lowest(side["pools"]) for side in sides), "")
    return table


def _lowest(pools: Sequence[Mapping[str, Any]]) -> str:
    ratios = [
        (pool["equity_over_maintenance"], pool["pool"])
        for pool in pools
        if pool["equity_over_maintenance"] is not None
    ]
    if not ratios:
        return MISSING
    ratio, name = min(ratios)
    return f"{amount(ratio, 2)} {name}"


def shocks_table(shocks: Sequence[Mapping[str, Any]]) -> Table:
    """Return what every shock would do in either mode."""
    table = _table("Shocks, USD: change of equity, level, assets in liquidated pools", "")
    table.padding = 0
    for mode in ("separated", "unified"):
        table.add_column(f"{mode}\nequity", justify="right", no_wrap=True)
        table.add_column("\nlevel", no_wrap=True)
        table.add_column("\nat risk", justify="right", no_wrap=True)
    for row in shocks:
        cells: list[RenderableType] = []
        for mode in ("separated", "unified"):
            side = row[mode]
            cells += [
                signed(-side["lost"], 0),
                _level(side["level"]),
                amount(side["at_risk_usd"], 0),
            ]
        table.add_row(row["shock"], *cells)
    return table


def _at_risk(shocks: Sequence[Mapping[str, Any]]) -> Iterator[RenderableType]:
    for row in shocks:
        if row["unified_only_at_risk"]:
            held = ", ".join(
                f"{plain(one['amount'], ',.4f')} {one['asset']}"
                for one in row["unified_only_at_risk"]
            )
            kept = amount(row["unified_only_at_risk_usd"])
            yield Text(
                f"{row['shock']}: at risk unified only: {held}; separate wallets keep {kept} USD",
                style="red",
            )


def conditions_table(eligibility: Mapping[str, Any]) -> Table:
    """Return what an application for the unified mode would find."""
    said = {True: "yes", False: "no", None: "not known yet"}[eligibility["eligible"]]
    table = _table(f"Eligible for the unified mode: {said}", "condition")
    table.add_column("met", no_wrap=True)
    table.add_column("have", overflow="fold")
    table.add_column("need", overflow="fold")
    for one in eligibility["conditions"]:
        met = Text("yes", style="green") if one["met"] else Text("no", style="red")
        listed = f" ({', '.join(one['items'])})" if one["items"] else ""
        table.add_row(one["name"], met, one["have"] + listed, one["need"])
    for name in eligibility["unknown"]:
        table.add_row(name, "?", "not known: give --profile", "")
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(
        title=Text(title, style="bold"), title_justify="left", box=SIMPLE_HEAD, pad_edge=False
    )
    for number, name in enumerate(columns):
        table.add_column(name, justify="right" if number else "left", no_wrap=True)
    return table


def _level(name: str) -> Text:
    return Text(SHORT[name], style=LEVEL_STYLE[name])
