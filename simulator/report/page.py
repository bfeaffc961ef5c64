"""The report: one HTML file with everything inside, so that it opens anywhere, also offline.

The page's Content-Security-Policy forbids every network access.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from string import Template

from simulator.report.cascade_page import cascade_sections
from simulator.report.life_page import life
from simulator.report.panels import Panel, break_notes, panels
from simulator.report.result import RunResult, as_name, by_account
from simulator.report.table import ACCOUNTS, Row, account_rows, notes, rows
from simulator.report.values import amount, count, utc

PAGE = Template("""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'unsafe-inline';
 style-src 'unsafe-inline'; img-src data: blob:; font-src data:">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>$title</title>
<style>
:root { --ink:#1b1f24; --soft:#59626d; --ground:#f5f6f8; --card:#fff;
  --rule:#dfe3e8; --mark:#fff4d6; --no:#c62f36; --yes:#1b7f53 }
@media (prefers-color-scheme: dark) {
  :root { --ink:#e6e9ed; --soft:#a0a9b4; --ground:#12151a; --card:#1b2027;
    --rule:#323a44; --mark:#3a3218; --no:#ff8085; --yes:#52c48f }
}
* { box-sizing:border-box }
body { margin:0 auto; max-width:1200px; padding:24px; color:var(--ink); background:var(--ground);
       font:15px/1.5 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif }
h1 { font-size:26px; margin:0 0 8px } h2 { font-size:17px; margin:0 0 4px }
section { background:var(--card); border:1px solid var(--rule); border-radius:10px;
          padding:16px 18px;
          margin:16px 0; overflow-x:auto }
dl { display:grid; grid-template-columns:max-content 1fr; gap:2px 18px; margin:0 }
dt { color:var(--soft) } dd { margin:0; overflow-wrap:anywhere }
table { border-collapse:collapse; width:100%; font-variant-numeric:tabular-nums }
th, td { padding:4px 10px; border-bottom:1px solid var(--rule); text-align:right }
th:first-child, td:first-child { text-align:left; white-space:pre }
td.unit { color:var(--soft); text-align:left }
tr.differs td { background:var(--mark); font-weight:600 }
table.life td, table.life th { text-align:left; vertical-align:top; white-space:normal }
table.life th { white-space:nowrap } table.life th:nth-child(4) { width:34% }
 table.life td.time { white-space:nowrap; color:var(--soft) }
table.life .refused { color:var(--no); font-weight:600 }
table.life .taken { color:var(--yes); font-weight:600 }
table.life tr.remark td { font-style:italic; color:var(--soft) }
table.life ul { list-style:none; margin:2px 0 4px; padding:0; font-size:13px }
table.life li.unmet { color:var(--no) }
.pair { display:grid; grid-template-columns:repeat(auto-fit, minmax(480px, 1fr)); gap:0 16px }
.pair section { min-width:0 }
.told h3 { font-size:15px; margin:10px 0 2px } .told ul { margin:0; padding-left:20px }
tr.first td:first-child { font-weight:600 }
summary { cursor:pointer; font-weight:600 }
p.note, p.none { color:var(--soft); margin:4px 0 0; font-size:13px } code { font-size:13px }
</style></head><body>
<h1>$title</h1>
<section><dl>$facts</dl></section>
$sections
<script>$plotly</script>
<script>
const dark = matchMedia("(prefers-color-scheme: dark)");
function theme() {
  const ink = dark.matches ? "#e6e9ed" : "#1b1f24", rule = dark.matches ? "#323a44" : "#dfe3e8";
  return {"font.color": ink, "xaxis.gridcolor": rule, "yaxis.gridcolor": rule,
          "xaxis.linecolor": rule,
          "yaxis.linecolor": rule, "yaxis.zerolinecolor": ink,
          "hoverlabel.bgcolor": dark.matches ? "#1b2027" : "#fff"};
}
for (const source of document.querySelectorAll("script[type='application/json']")) {
  const figure = JSON.parse(source.textContent);
  const place = document.getElementById(source.dataset.place);
  Plotly.newPlot(place, figure.data, figure.layout, {responsive: true, displaylogo: false,
    modeBarButtonsToRemove: ["sendDataToCloud", "sendChartToCloud"],
    showSendToCloud: false, plotlyServerURL: "",
    toImageButtonOptions: {format: "png", filename: "unimargin-" + source.dataset.place, scale: 2}})
    .then(() => Plotly.relayout(place, theme()));
}
dark.addEventListener("change", () => {
  for (const place of document.querySelectorAll(".plot")) Plotly.relayout(place, theme());
});
</script></body></html>
""")


def page(results: Sequence[RunResult], extra: Sequence[Row] = ()) -> str:
    """Return the report of the runs (one a mode, or a variant and mode) as one HTML text."""
    from plotly.offline import get_plotlyjs

    first = results[0]
    return PAGE.substitute(
        title=escape(f"{first.scenario}: {' and '.join(run.label for run in results)}"),
        facts=_facts(results),
        sections="\n".join([cascade_sections(results), _accounts(results, extra)]),
        plotly=get_plotlyjs(),
    )


def _accounts(results: Sequence[RunResult], extra: Sequence[Row]) -> str:
    """Return the sections of the account that trades; empty where none does."""
    runs = [run for run in results if run.has_trader]
    if not runs:
        return ""
    traders = by_account(runs)
    summary = _several(runs) + (
        f"<section><h2>Summary</h2><table>{_table(traders, extra)}</table>"
        '<p class="note">Marked rows differ between the columns. Amounts in '
        f"{escape(traders[0].currency)}.</p></section>"
    )
    drawn = []
    for variant in dict.fromkeys(run.variant for run in traders):
        part = [run for run in traders if run.variant == variant]
        drawn += [_section(panel, variant) for panel in panels(part)]
    return "\n".join([summary, *map(life, traders), *drawn, _moves(traders)])


def _several(results: Sequence[RunResult]) -> str:
    """A line for each account, where several trade."""
    lines = account_rows(results)
    if not lines:
        return ""
    head = "".join(f"<th>{escape(name)}</th>" for name in ACCOUNTS)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in line) + "</tr>" for line in lines
    )
    return (
        f"<section><h2>Accounts</h2><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
        '</table><p class="note">They trade beside each other, in the same books. Amounts in '
        f"{escape(results[0].currency)}.</p></section>"
    )


def _traded(results: Sequence[RunResult]) -> list[str]:
    """Names of the strategies of all accounts, each once."""
    return list(dict.fromkeys(name for run in by_account(results) for name in run.strategies))


def _facts(results: Sequence[RunResult]) -> str:
    first = results[0]
    facts = [
        ("Scenario", first.scenario),
        ("Rulebook", first.rulebook),
        ("Strategies", ", ".join(_traded(results)) or "none"),
        ("Data", ", ".join(first.data)),
        ("Span", f"{utc(first.start_ns)} – {utc(first.end_ns)}"),
        ("Seed", str(first.seed)),
        *(
            (f"Digest, {run.label}", f"{run.digest} ({count(run.events)} events)")
            for run in results
        ),
        *(("Note", note) for note in [*notes(results), *break_notes(results)]),
    ]
    return "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in facts)


def _table(results: Sequence[RunResult], extra: Sequence[Row]) -> str:
    head = "".join(f"<th>{escape(run.label)}</th>" for run in results)
    body = "".join(
        f"<tr{' class=differs' if row.differs else ''}><td>{escape(row.label)}</td>"
        f'<td class="unit">{escape(row.unit)}</td>'
        + "".join(f"<td>{escape(cell)}</td>" for cell in row.cells)
        + "</tr>"
        for row in [*rows(results), *extra]
    )
    return f"<thead><tr><th></th><th></th>{head}</tr></thead><tbody>{body}</tbody>"


def _moves(results: Sequence[RunResult]) -> str:
    """What the worst fall of each pool's ratio was made of, as one table a pool."""
    made = []
    for run in results:
        for (pool,), part in run.moves.group_by("pool", maintain_order=True):
            first = part.row(0, named=True)
            title = (
                f"{run.label}, pool {pool}: what the largest fall of its ratio was made of, "
                f"{utc(first['start_ns'])} to {utc(first['end_ns'])}"
            )
            body = "".join(
                f"<tr><td>{escape((row['item'] and '  ' + row['item']) or row['factor'])}</td>"
                + "".join(
                    f"<td>{escape(amount(row[name]))}</td>"
                    for name in ("equity", "initial_margin", "maintenance_margin")
                )
                + "</tr>"
                for row in part.iter_rows(named=True)
            )
            made.append(
                f"<section><h2>{escape(title)}</h2><table><thead><tr><th>{escape(run.currency)}"
                "</th><th>equity</th><th>initial margin</th><th>maintenance margin</th></tr>"
                f"</thead><tbody>{body}</tbody></table></section>"
            )
    return "\n".join(made)


def _section(panel: Panel, variant: str = "") -> str:
    title = f"<h2>{escape(', '.join(filter(None, (panel.title, variant))))}</h2>"
    if panel.empty:
        none = '<p class="none">Nothing to draw: the run has no such data.</p>'
        return f"<section>{title}{none}</section>"
    from simulator.report.plots import figure

    note = f'<p class="note">{escape(panel.note)}</p>' if panel.note else ""
    place = as_name("-".join(filter(None, (panel.key, variant))))
    data = figure(panel).to_json().replace("</", "<\\/")
    return (
        f'<section>{title}<div class="plot" id="{place}"></div>{note}'
        f'<script type="application/json" data-place="{place}">{data}</script></section>'
    )
