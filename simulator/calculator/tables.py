"""The report for people: one table a pool, totals, notes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from simulator.report.values import MISSING, amount
from simulator.units.text import plain

LEVEL_STYLE = {
    "NORMAL": "green",
    "MARGIN_CALL": "yellow",
    "REDUCE_ONLY": "dark_orange",
    "LIQUIDATION": "bold red",
    "BANKRUPT": "bold red reverse",
}

FIGURES = (
    ("equity", "Equity"),
    ("account_equity", "Account equity (after haircut)"),
    ("adjusted_equity", "Adjusted equity"),
    ("initial_margin", "Initial margin"),
    ("maintenance_margin", "Maintenance margin"),
    ("available", "Available"),
)


def money(value: float | None, currency: str = "USD") -> str:
    """Write an amount: cents of USD, eight digits of a coin."""
    return amount(value, 2 if currency == "USD" else 8)


def price(value: float | None) -> str:
    """Write a price with the digits that its size asks for.

    >>> price(43210.5), price(0.01234567)
    ('43,210.50', '0.01234567')
    """
    if value is None:
        return MISSING
    return amount(value, 2 if abs(value) >= 10 else 8)


def quantity(value: float) -> str:
    """Write a quantity without trailing zeros."""
    return plain(value, ",.8f")


def report_tables(report: Mapping[str, Any]) -> Iterator[RenderableType]:
    """Yield what to print, in order."""
    for pool in report["pools"]:
        yield pool_table(pool)
        if pool["positions"]:
            yield positions_table(pool)
        if pool["assets"]:
            yield assets_table(pool)
    if report.get("outside"):
        held = ", ".join(
            f"{quantity(row['balance'])} {row['asset']} ({amount(row['value'])} USD)"
            for row in report["outside"]
        )
        yield Text(f"Outside of all pools: {held}\n")
    total = report["total"]
    yield Text.assemble(
        ("Total ", "bold"),
        f"equity {amount(total['equity'])} USD, initial margin {amount(total['initial_margin'])}, "
        f"maintenance margin {amount(total['maintenance_margin'])}",
    )
    for note in report["notes"]:
        yield Text(f"  note: {note}", style="dim")


def pool_table(pool: Mapping[str, Any]) -> Table:
    """Return a pool's figures and components."""
    currency = pool["currency"]
    table = Table(
        title=Text.assemble(
            (f"Pool {pool['pool']}", "bold"),
            f"  {pool['ratio_name']} {amount(pool['ratio'], 4)}  ",
            (pool["level"], LEVEL_STYLE[pool["level"]]),
        ),
        title_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
        show_header=False,
    )
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(style="dim")
    for key, label in FIGURES:
        table.add_row(label, money(pool[key], currency), currency)
    for name, value in pool["components"].items():
        table.add_row(f"  {name}", money(value, currency), currency, style="dim")
    return table


def positions_table(pool: Mapping[str, Any]) -> Table:
    """Return a pool's positions."""
    currency = pool["currency"]
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("Position", no_wrap=True)
    for label in (
        "Quantity",
        "Mark",
        f"Notional {currency}",
        "PnL",
        "Initial",
        "Maint.",
        "Liq. price",
        "Bankruptcy",
    ):
        table.add_column(label, justify="right", no_wrap=True)
    for row in pool["positions"]:
        table.add_row(
            row["instrument"],
            quantity(row["quantity"]),
            price(row["mark_price"]),
            *(
                money(row[key], currency)
                for key in ("notional", "unrealized_pnl", "initial_margin", "maintenance_margin")
            ),
            price(row["liquidation_price"]),
            price(row["bankruptcy_price"]),
        )
    return table


def assets_table(pool: Mapping[str, Any]) -> Table:
    """Return a pool's assets."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("Asset", no_wrap=True)
    borrows = any(row["max_borrow"] is not None for row in pool["assets"])
    labels = ["Balance", "Owed", "Value USD", "Collateral USD", "Max withdraw"]
    for label in [*labels, *(["Max borrow"] if borrows else [])]:
        table.add_column(label, justify="right", no_wrap=True)
    for row in pool["assets"]:
        cells = [
            quantity(row["balance"]),
            quantity(row["loan"] + row["interest"]),
            amount(row["value"]),
            amount(row["collateral_value"]),
            quantity(row["max_withdraw"]) if row["max_withdraw"] is not None else MISSING,
        ]
        if borrows:
            cells.append(quantity(row["max_borrow"]) if row["max_borrow"] is not None else MISSING)
        table.add_row(row["asset"], *cells)
    return table


COMPARED = ("equity", "account_equity", "initial_margin", "maintenance_margin", "available")


def comparison_table(columns: Sequence[Mapping[str, Any]]) -> Table:
    """Return regimes side by side: totals, then each pool's ratio and level.

    A column that could not be computed has ``error`` in place of ``report``.
    """
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("", no_wrap=True)
    for column in columns:
        table.add_column(f"{column['mode']}\n{column['rulebook']}", justify="right")
    for key in ("equity", "initial_margin", "maintenance_margin"):
        table.add_row(
            f"Total {key.replace('_', ' ')}",
            *(amount(c["report"]["total"][key]) if c.get("report") else "" for c in columns),
        )
    names = dict.fromkeys(
        pool["pool"] for c in columns if c.get("report") for pool in c["report"]["pools"]
    )
    for name in names:
        table.add_section()
        pools = [_pool_named(c, name) for c in columns]
        table.add_row(
            Text(f"Pool {name}", style="bold"),
            *(Text(p["level"], style=LEVEL_STYLE[p["level"]]) if p else "" for p in pools),
        )
        table.add_row(
            "  ratio",
            *(amount(p["ratio"], 4) if p else "" for p in pools),
        )
        table.add_row("    named", *(p["ratio_name"] if p else "" for p in pools), style="dim")
        for key in COMPARED:
            table.add_row(
                f"  {key.replace('_', ' ')}",
                *(money(p[key], p["currency"]) if p else "" for p in pools),
            )
        parts = dict.fromkeys(
            part for p in pools if p for part, value in p["components"].items() if value
        )
        for part in parts:
            table.add_row(
                f"    {part}",
                *(money(p["components"].get(part), p["currency"]) if p else "" for p in pools),
                style="dim",
            )
    return table


def _pool_named(column: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    pools: list[Mapping[str, Any]] = column["report"]["pools"] if column.get("report") else []
    return next((pool for pool in pools if pool["pool"] == name), None)


def changes_table(before: Mapping[str, Any], after: Mapping[str, Any]) -> Table:
    """Return what a what-if does to every pool."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("", no_wrap=True)
    for label in ("before", "after", "change"):
        table.add_column(label, justify="right", no_wrap=True)
    for one, other in zip(before["pools"], after["pools"], strict=True):
        table.add_section()
        table.add_row(
            Text(f"Pool {one['pool']}", style="bold"),
            Text(one["level"], style=LEVEL_STYLE[one["level"]]),
            Text(other["level"], style=LEVEL_STYLE[other["level"]]),
            "",
        )
        table.add_row(f"  {one['ratio_name']}", amount(one["ratio"], 4), amount(other["ratio"], 4))
        for key, label in FIGURES:
            table.add_row(
                f"  {label}",
                *(money(row[key], one["currency"]) for row in (one, other)),
                money(other[key] - one[key], one["currency"]),
            )
    table.add_section()
    for key in before["total"]:
        table.add_row(
            f"Total {key.replace('_', ' ')}",
            amount(before["total"][key]),
            amount(after["total"][key]),
            amount(after["total"][key] - before["total"][key]),
        )
    return table
