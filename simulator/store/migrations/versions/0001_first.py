"""The first schema.

What stands here is as it was when the schema was made: later ones are migrations of their own.
"""

from __future__ import annotations

import re

from alembic import op
from sqlalchemy import BigInteger, Column, Double, LargeBinary, PrimaryKeyConstraint, Text

revision = "0001"
down_revision = None

TYPES = {"int": BigInteger, "float": Double, "text": Text, "bytes": LargeBinary}

TABLES = (
    (
        "runs",
        "run",
        "scenario:text mode:text rulebook:text rulebook_text:text rulebook_sha256:text seed:int "
        "version:text compiled:int cut_rows:int rows:int settings:text created:text status:text! "
        "digest:text",
    ),
    ("batches", "run n", "tape_rows:int! time_ns:int! digest:text! asked:text! counts:text!"),
    ("packs", "run n", "body:bytes!"),
    ("pending", "run n", "body:bytes!"),
    ("snapshots", "run n", "kind:text! image:bytes! state:text sha256:text!"),
    (
        "commands",
        "run n",
        "wake:int time_ns:int strategy:int what:int order_id:int a:int b:int c:int d:int e:int "
        "f:int g:int payload:text",
    ),
    (
        "events",
        "run n",
        "outcome:int time_ns:int kind:int account:int instrument:int order_id:int side:int "
        "price:int quantity:int",
    ),
    (
        "orders",
        "run n",
        "order_id:int command:int account:int strategy:int instrument:int side:int price:int "
        "lots:int time_in_force:int flags:int sent_ns:int arrived_ns:int status:int reason:int "
        "filled_lots:int ended_ns:int",
    ),
    (
        "fills",
        "run n",
        "time_ns:int instrument:int order_id:int side:int price:int lots:int maker:int fee:int "
        "fee_asset:int realized:int forced:int account:int position:int",
    ),
    ("postings", "run n", "entry:int time_ns:int what:int wallet:int asset:int amount:int"),
    ("accounts", "run n", "number:int name:text kind:text mode:text"),
    (
        "mode_events",
        "run n",
        "time_ns:int account:int step:int state_before:int state_after:int "
        "suspended_until_ns:int refusal:int actor:text details:text",
    ),
    (
        "liquidations",
        "run n",
        "call:int time_ns:int account:int pool:int bankrupt:int equity:float maintenance:float "
        "equity_after:float",
    ),
    (
        "closings",
        "run n",
        "time_ns:int account:int pool:int slot:int stage:int side:int lots:int amount:int "
        "fee:int against:int mark:float notional:float fee_usd:float",
    ),
    ("insurance_fund", "run n", "time_ns:int asset:int balance:int inventory:float"),
    (
        "margin_history",
        "run n",
        "time_ns:int pool:int level:int equity:float initial_margin:float maintenance_margin:float",
    ),
    ("names", "run n", "kind:text number:int name:text"),
)
"""Name, key and columns of each table; ``!`` where a value must be."""

LARGE = ("runs", "packs", "pending", "snapshots")
"""Tables of large values, which SQLite keeps apart from their keys."""

TIME = {
    "sqlite": (
        "strftime('%Y-%m-%d %H:%M:%S', {0} / 1000000000, 'unixepoch') || "
        "'.' || "
        "substr(CAST(1000 + {0} / 1000000 - {0} / 1000000000 * 1000 AS TEXT), 2)"
    ),
    "postgresql": (
        "to_char(to_timestamp({0} / 1000000000) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') || "
        "'.' || substr(CAST(1000 + {0} / 1000000 - {0} / 1000000000 * 1000 AS TEXT), 2)"
    ),
}
"""Text of a time in ns, in UTC with milliseconds: of a year of four digits it sorts as the time."""


def _time(column: str) -> str:
    return f"TIME({column})"


def _money(column: str) -> str:
    """Units of 1e-8 as amounts; exact on PostgreSQL, nearest floats on SQLite."""
    return f"ROUND({column} * CAST('0.00000001' AS NUMERIC), 8)"


def _steps(column: str, step: str) -> str:
    """Ticks or lots as prices or quantities."""
    return f"ROUND({column} * CAST({step}.name AS NUMERIC), 8)"


def _names(of: str, **kinds: str) -> str:
    """Join ``names``: alias=kind:expression of the number."""
    joins = []
    for alias, told in kinds.items():
        kind, number = told.split(":")
        joins.append(
            f" LEFT JOIN names AS {alias} ON {alias}.run = {of}.run AND {alias}.kind = '{kind}' "
            f"AND {alias}.number = {number}"
        )
    return "".join(joins)


SIDE = "CASE WHEN {0}.side > 0 THEN 'buy' WHEN {0}.side < 0 THEN 'sell' END AS side"
INSTRUMENTS = "(SELECT COUNT(*) FROM names AS k WHERE k.run = c.run AND k.kind = 'instrument')"

READABLE = (
    (
        "readable_orders",
        f"o.run, o.n, o.order_id, o.account, s.name AS strategy, i.name AS instrument, "
        f"{SIDE.format('o')}, CASE WHEN o.price <> 0 THEN {_steps('o.price', 'tick')} END AS price,"
        f" q.name AS quote, {_steps('o.lots', 'lot')} AS quantity, "
        f"{_steps('o.filled_lots', 'lot')} AS filled, COALESCE(e.name, 'OPEN') AS status, "
        f"COALESCE(r.name, x.name) AS reason, {_time('o.sent_ns')} AS sent, "
        f"{_time('o.ended_ns')} AS ended FROM orders AS o"
        + _names(
            "o",
            s="strategy:o.strategy",
            i="instrument:o.instrument",
            tick="tick:o.instrument",
            lot="lot:o.instrument",
            q="quote:o.instrument",
            e="outcome:o.status",
        )
        # 5 is REJECTED, 4 is EXPIRED.
        + _names("o", r="reject_reason:o.reason AND o.status = 5")
        + _names("o", x="expiry:o.reason AND o.status = 4"),
    ),
    (
        "readable_fills",
        f"f.run, f.n, {_time('f.time_ns')} AS time, f.account, f.order_id, "
        f"i.name AS instrument, {SIDE.format('f')}, {_steps('f.price', 'tick')} AS price, "
        f"q.name AS quote, {_steps('f.lots', 'lot')} AS quantity, f.maker, "
        f"{_money('f.fee')} AS fee, a.name AS fee_asset, "
        f"{_money('f.realized')} AS realized, z.name AS realized_asset, "
        "CASE f.forced WHEN 0 THEN 'order' WHEN 64 THEN 'deleveraging' ELSE 'liquidation' END "
        "AS cause FROM fills AS f"
        + _names(
            "f",
            i="instrument:f.instrument",
            tick="tick:f.instrument",
            lot="lot:f.instrument",
            q="quote:f.instrument",
            z="settled_in:f.instrument",
            a="asset:f.fee_asset",
        ),
    ),
    (
        "readable_postings",
        f"p.run, p.n, p.entry, {_time('p.time_ns')} AS time, CASE p.what WHEN 0 THEN "
        "'balance' WHEN 1 THEN 'loan' WHEN 2 THEN 'interest' END AS what, w.name AS wallet, "
        f"a.name AS asset, {_money('p.amount')} AS amount FROM postings AS p"
        + _names("p", w="wallet:p.wallet", a="asset:p.asset"),
    ),
    (
        "readable_liquidations",
        f"l.run, l.n, l.call, {_time('l.time_ns')} AS time, l.account, w.name AS pool, "
        "l.equity, l.maintenance, CASE WHEN l.maintenance > 0 THEN l.equity / l.maintenance END "
        "AS ratio, l.equity_after, l.bankrupt FROM last_liquidations AS l"
        + _names("l", w="pool:l.pool"),
    ),
    (
        "readable_closings",
        f"c.run, c.n, {_time('c.time_ns')} AS time, c.account, w.name AS pool, "
        f"i.name AS instrument, g.name AS stage, {SIDE.format('c')}, "
        f"{_steps('c.lots', 'lot')} AS quantity, c.mark, c.notional, c.fee_usd, "
        "CASE WHEN c.against >= 0 THEN c.against END AS against FROM closings AS c"
        # A slot is an instrument's, or that of its short side in hedge mode, which come after all.
        + _names(
            "c",
            w="pool:c.pool",
            g="stage:c.stage",
            i=f"instrument:c.slot - {INSTRUMENTS} * (c.slot / {INSTRUMENTS})",
        )
        + _names("c", lot="lot:i.number"),
    ),
    (
        "readable_insurance_fund",
        f"u.run, u.n, {_time('u.time_ns')} AS time, a.name AS asset, "
        f"{_money('u.balance')} AS balance, u.inventory FROM insurance_fund AS u"
        + _names("u", a="asset:u.asset"),
    ),
    (
        "readable_margin",
        f"m.run, m.n, {_time('m.time_ns')} AS time, w.name AS pool, v.name AS level, "
        "m.equity, m.initial_margin, m.maintenance_margin, CASE WHEN m.maintenance_margin > 0 THEN "
        "m.equity / m.maintenance_margin END AS ratio FROM margin_history AS m"
        + _names("m", w="pool:m.pool", v="level:m.level"),
    ),
)
"""Views in names and units: what each selects.  ``names`` are joined where there are any, so no row
is left out."""

VIEWS = (
    (
        "entries",
        "SELECT run, entry, MIN(time_ns) AS time_ns, COUNT(*) AS postings FROM postings "
        "GROUP BY run, entry",
    ),
    # Stage 2 is "deleverage" in `waterfall.STAGES`.
    ("adl", "SELECT * FROM closings WHERE stage = 2"),
    (
        "last_liquidations",
        "SELECT l.* FROM liquidations AS l JOIN (SELECT run, call, MAX(n) AS n FROM liquidations "
        "GROUP BY run, call) AS last ON l.run = last.run AND l.n = last.n",
    ),
    *((name, " ".join(("SELECT", query))) for name, query in READABLE),
)
"""Views by name."""


def upgrade() -> None:
    """Make all tables and views."""
    for name, keys, columns in TABLES:
        key = keys.split()
        made = [Column(one, BigInteger, autoincrement=False, nullable=False) for one in key]
        for column in columns.split():
            label, kind = column.rstrip("!").split(":")
            made.append(Column(label, TYPES[kind], nullable=not column.endswith("!")))
        key_name = f"{name}_key"
        op.create_table(
            name,
            *made,
            PrimaryKeyConstraint(*key, name=key_name),
            sqlite_with_rowid=name in LARGE,
        )
    if op.get_bind().dialect.name == "postgresql":
        # Packed columns do not get smaller by the server's compression; it only takes time.
        for name in ("packs", "pending"):
            op.execute(f"ALTER TABLE {name} ALTER COLUMN body SET STORAGE EXTERNAL")
    kind = TIME[op.get_bind().dialect.name]
    for name, query in VIEWS:
        whole = re.sub(r"TIME\(([\w.]+)\)", lambda found: kind.format(found[1]), query)
        # As it stands: a colon within is no parameter.
        op.get_bind().exec_driver_sql(f"CREATE VIEW {name} AS {whole}")


def downgrade() -> None:
    """Drop everything."""
    for name, _ in reversed(VIEWS):
        op.execute(f"DROP VIEW {name}")
    for name, _, _ in reversed(TABLES):
        op.drop_table(name)
