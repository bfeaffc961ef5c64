"""The first schema.

What stands here is as it was when the schema was made: later ones are migrations of their own.
"""

from __future__ import annotations

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

VIEWS = (
    (
        "entries",
        "SELECT run, entry, MIN(time_ns) AS time_ns, COUNT(*) AS postings FROM postings "
        "GROUP BY run, entry",
    ),
    ("adl", "SELECT * FROM closings WHERE stage = 2"),
    (
        "last_liquidations",
        "SELECT l.* FROM liquidations AS l JOIN (SELECT run, call, MAX(n) AS n FROM liquidations "
        "GROUP BY run, call) AS last ON l.run = last.run AND l.n = last.n",
    ),
)


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
    for name, query in VIEWS:
        op.execute(f"CREATE VIEW {name} AS {query}")


def downgrade() -> None:
    """Drop everything."""
    for name, _ in VIEWS:
        op.execute(f"DROP VIEW {name}")
    for name, _, _ in reversed(TABLES):
        op.drop_table(name)
