"""How a pool's ratio falls as an asset's price moves: figures, and a picture of them.

The price moves as in a what-if: index and all marks of that underlying together, options repriced
at the volatility they have.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

from simulator.calculator.document import Document
from simulator.calculator.figures import Figures
from simulator.calculator.pools import account
from simulator.calculator.report import report
from simulator.calculator.rules import Rules, rules_of
from simulator.calculator.what_if import Moves, moved
from simulator.errors import InputError
from simulator.report.colours import LEVEL, LIQUIDATION, OTHER, PRICE

POINTS = 81
"""Points of the picture; the crossing of the threshold is found between them."""

REFINED = 40

RATIO_SHOWN_MAX = 6.0
LOGARITHMIC_SHOWN_MAX = 1000.0
"""Ratios above this many times the highest threshold are drawn along the top, by kind of axis."""

LABEL_ROOM = 0.035
"""Share of the picture's height that a threshold's name takes."""


def surface(
    document: Document,
    asset: str,
    mode: str | None = None,
    rulebook: str | None = None,
    span: str = "50%",
) -> Figures:
    """Return ratio, equity and maintenance margin of every pool against the price of ``asset``.

    ``span`` is how far to look either way.  Figures by pool: lists as long as ``price``; a pool's
    ``liquidation`` are the prices within the span at which it meets its liquidation threshold.
    """
    share = _share(span)
    rules = rules_of(document, mode, rulebook)
    start = account(document, rules)
    if asset not in start.market.index:
        raise InputError(
            f"--surface {asset}: the document has no such asset; it has "
            f"{', '.join(start.market.index)}"
        )
    now = start.market.index[asset]
    prices = [now * (1 + share * (Decimal(2 * step) / (POINTS - 1) - 1)) for step in range(POINTS)]
    pools: list[Figures] = []
    for pool in start.pools:
        ladder = pool.rules.ladder_of(pool.kind, pool.state.margin_leverage)
        pools.append(
            Figures(
                pool=pool.name,
                currency=pool.currency,
                ratio_name="equity / maintenance"
                if ladder.shown != "equity / maintenance"
                else ladder.ratio_name,
                thresholds=ladder.thresholds(),
                ratio=[],
                equity=[],
                maintenance_margin=[],
                level=[],
                liquidation=[],
            )
        )
    for price in prices:
        for row, pool in zip(pools, _at(document, rules, asset, price)["pools"], strict=True):
            row["ratio"].append(pool["equity_over_maintenance"])
            row["equity"].append(pool["adjusted_equity"])
            row["maintenance_margin"].append(pool["maintenance_margin"])
            row["level"].append(pool["level"])
    for number, row in enumerate(pools):
        row["liquidation"] = list(_crossings(document, rules, asset, prices, number, row["level"]))
    return Figures(
        mode=rules.mode,
        rulebook=rules.name,
        asset=asset,
        now=float(now),
        price=[float(price) for price in prices],
        pools=pools,
    )


def _share(span: str) -> Decimal:
    try:
        share = Decimal(span.rstrip("%")) / (100 if span.endswith("%") else 1)
    except ArithmeticError:
        share = Decimal(0)
    if not Decimal("0.001") <= share <= Decimal("0.99"):
        raise InputError(f"--span {span!r:.20}: must be a share from 0.1% to 99%, such as 50%")
    return share


def _at(document: Document, rules: Rules, asset: str, price: Decimal) -> Figures:
    there = moved(document, Moves(price={asset: (None, price)}))
    return report(there, rules, account(there, rules), prices=False)


SPENT = ("LIQUIDATION", "BANKRUPT")


def _crossings(
    document: Document,
    rules: Rules,
    asset: str,
    prices: list[Decimal],
    number: int,
    levels: list[str],
) -> Iterator[float]:
    """Yield the prices between which the pool goes into or out of liquidation, by halving."""
    for step in range(len(prices) - 1):
        low, high = prices[step], prices[step + 1]
        low_spent = levels[step] in SPENT
        if low_spent == (levels[step + 1] in SPENT):
            continue
        for _ in range(REFINED):
            middle = (low + high) / 2
            level = _at(document, rules, asset, middle)["pools"][number]["level"]
            if (level in SPENT) == low_spent:
                low = middle
            else:
                high = middle
        yield float(high if low_spent else low)


def draw(made: Figures, path: Path) -> None:
    """Write the picture, by the file's ending a PNG or an HTML page that can be zoomed."""
    if path.parent != Path() and not path.parent.is_dir():
        raise InputError(f"--out {path}: no such folder: {path.parent}")
    needing = [pool for pool in made["pools"] if any(r is not None for r in pool["ratio"])]
    drawn = [pool for pool in needing if len(set(pool["ratio"])) > 1] or needing
    if not drawn:
        raise InputError(f"--surface {made['asset']}: no pool needs any margin, nothing to draw")
    ending = path.suffix.lower()
    try:
        if ending == ".png":
            _png(made, drawn, path)
        elif ending in (".html", ".htm"):
            _html(made, drawn, path)
        else:
            raise InputError(f"--out {path}: must end in .png or .html")
    except OSError as error:
        raise InputError(f"--out {path}: {error.strerror}") from None


def _title(made: Figures) -> str:
    return (
        f"Ratio against the price of {made['asset']} · {made['mode']} · rulebook {made['rulebook']}"
    )


def _range(pool: Figures) -> tuple[float, float, bool]:
    """Return the ends of the axis of ratios, and whether it is logarithmic.

    Straight where the ratio now lies within reach of the thresholds; a pool far from any threshold
    is drawn on a logarithmic axis down to them.
    """
    highest, lowest = max(pool["thresholds"].values()), min(pool["thresholds"].values())
    present = [r for r in pool["ratio"] if r is not None]
    now = pool["ratio"][len(pool["ratio"]) // 2]
    if now is None or now > highest * RATIO_SHOWN_MAX:
        positive = [r for r in present if r > 0]
        top = min(max([*positive, highest * 2]), highest * LOGARITHMIC_SHOWN_MAX)
        return max(min([*positive, lowest]), lowest / 10) * 0.7, top * 1.4, True
    top = min(max([*present, highest]), highest * RATIO_SHOWN_MAX)
    return max(min(0.0, *present), -1.0), top * 1.06, False


def _beyond(pool: Figures, low: float, top: float) -> tuple[list[float], list[float]]:
    """Return where the ratio lies above the picture and where below it, NaN elsewhere.

    Without maintenance margin there is no ratio: a pool with equity stands above.
    """
    above, below = [], []
    for ratio, equity in zip(pool["ratio"], pool["equity"], strict=True):
        height = ratio
        if ratio is None:
            height = math.inf if equity > 0 else -math.inf
        above.append(top if height > top else math.nan)
        below.append(low if height < low else math.nan)
    return above, below


def _names(
    pool: Figures, low: float, top: float, logarithmic: bool
) -> list[tuple[str, float, int]]:
    """Return name and ratio of the thresholds, and how many names stand on the same height."""
    scale = math.log10 if logarithmic else float
    height = scale(top) - scale(low)
    placed: list[tuple[str, float, int]] = []
    for name, at in sorted(pool["thresholds"].items(), key=lambda item: item[1]):
        beside = 0
        if placed and (scale(at) - scale(placed[-1][1])) / height < LABEL_ROOM:
            beside = placed[-1][2] + 1
        placed.append((name, at, beside))
    return placed


def _png(made: Figures, pools: list[Figures], path: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.6 * len(pools) + 0.5), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(_title(made), fontsize=13, fontweight="bold")
    for axes, pool in zip(figure.subplots(len(pools), squeeze=False)[:, 0], pools, strict=True):
        _panel(axes, made, pool)
    figure.savefig(path, format="png", metadata={"Software": "unimargin"})


def _panel(axes: Any, made: Figures, pool: Figures) -> None:
    low, top, logarithmic = _range(pool)
    axes.set_title(f"Pool {pool['pool']}", loc="left", fontsize=11, fontweight="bold")
    axes.set_xlabel(f"index price of {made['asset']} (USD)", fontsize=9)
    axes.set_ylabel(pool["ratio_name"], fontsize=9)
    axes.grid(True, color="#dfe3e8", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    ratio = [float("nan") if r is None else r for r in pool["ratio"]]
    axes.plot(made["price"], ratio, color=OTHER, lw=2.2)
    above, below = _beyond(pool, low, top)
    for edge in (above, below):
        axes.plot(made["price"], edge, color=OTHER, lw=2.2, ls=(0, (2, 1.5)), clip_on=False)
    if any(not math.isnan(height) for height in above):
        axes.set_title(f"dotted: above {top:,.3g}", loc="right", fontsize=8, color=OTHER)
    if logarithmic:
        from matplotlib.ticker import LogLocator, NullLocator

        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:,g}")
    axes.set_ylim(low, top)
    axes.set_xlim(made["price"][0], made["price"][-1])
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.10g}")
    for name, at, beside in _names(pool, low, top, logarithmic):
        tint = LIQUIDATION if name == "LIQUIDATION" else LEVEL
        axes.axhline(at, color=tint, linestyle=":", linewidth=1.4)
        axes.annotate(
            f"{name} {at:g}",
            (0.995 - 0.15 * beside, at),
            xycoords=("axes fraction", "data"),
            fontsize=8,
            color=tint,
            va="bottom",
            ha="right",
        )
    axes.axvline(made["now"], color=PRICE, linestyle="--", linewidth=1)
    _label(axes, made["now"], f"now {made['now']:,.10g}", PRICE, 0.97)
    for number, at in enumerate(pool["liquidation"]):
        axes.axvline(at, color=LIQUIDATION, linewidth=1.2)
        _label(axes, at, f"liquidation {at:,.2f}", LIQUIDATION, 0.90 - 0.07 * number)


def _label(axes: Any, at: float, text: str, tint: str, height: float) -> None:
    """Write beside a vertical line, on the side where the picture has room."""
    low, high = axes.get_xlim()
    right = (at - low) / (high - low) < 0.75
    axes.annotate(
        f" {text} ",
        (at, height),
        xycoords=("data", "axes fraction"),
        fontsize=8,
        color=tint,
        ha="left" if right else "right",
    )


def _html(made: Figures, pools: list[Figures], path: Path) -> None:
    from plotly.graph_objects import Scatter
    from plotly.subplots import make_subplots

    figure = make_subplots(
        rows=len(pools), cols=1, subplot_titles=[f"Pool {pool['pool']}" for pool in pools]
    )
    for row, pool in enumerate(pools, start=1):
        line = Scatter(
            x=made["price"],
            y=pool["ratio"],
            name=pool["pool"],
            line={"color": OTHER, "width": 2.5},
            customdata=list(
                zip(pool["equity"], pool["maintenance_margin"], pool["level"], strict=True)
            ),
            hovertemplate="%{x:,.2f} USD: ratio %{y:.4f}<br>equity %{customdata[0]:,.2f}"
            "<br>maintenance %{customdata[1]:,.2f}<br>%{customdata[2]}<extra></extra>",
        )
        figure.add_trace(line, row=row, col=1)
        low, top, logarithmic = _range(pool)
        for edge in _beyond(pool, low, top):
            dotted = {"color": OTHER, "width": 2.5, "dash": "dot"}
            far = Scatter(x=made["price"], y=edge, line=dotted, hoverinfo="skip", cliponaxis=False)
            figure.add_trace(far, row=row, col=1)
        for name, at in pool["thresholds"].items():
            tint = LIQUIDATION if name == "LIQUIDATION" else LEVEL
            figure.add_hline(
                y=at,
                line={"color": tint, "dash": "dot"},
                annotation_text=f"{name} {at:g}",
                row=row,
                col=1,
            )
        figure.add_vline(x=made["now"], line={"color": PRICE, "dash": "dash"}, row=row, col=1)
        for at in pool["liquidation"]:
            figure.add_vline(
                x=at,
                line={"color": LIQUIDATION},
                annotation_text=f"liquidation {at:,.2f}",
                row=row,
                col=1,
            )
        ends = [math.log10(low), math.log10(top)] if logarithmic else [low, top]
        figure.update_yaxes(
            range=ends,
            type="log" if logarithmic else "linear",
            title=pool["ratio_name"],
            row=row,
            col=1,
        )
        figure.update_xaxes(title=f"index price of {made['asset']} (USD)", row=row, col=1)
    figure.update_layout(
        title=_title(made), showlegend=False, template="plotly_white", height=430 * len(pools) + 80
    )
    path.write_text(figure.to_html(include_plotlyjs=True, full_html=True), encoding="utf-8")
