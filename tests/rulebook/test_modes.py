"""Goal: what a rulebook asks of a change of mode reaches the exchange as it stands in the file.

Method: the bundled files; a rulebook without the section; one wrong value of each kind.
"""

from __future__ import annotations

import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from simulator.accounts.conditions import ratio_needed
from simulator.accounts.questionnaire import bank
from simulator.accounts.rules import ModeRules
from simulator.errors import InputError
from simulator.rulebook.difference import differences
from simulator.rulebook.load import FOLDER, load, names
from simulator.rulebook.modes import MINUTE_NS
from simulator.rulebook.venue import venue_rules

D = Decimal
PAGE = Path(__file__).parents[2] / "docs" / "rules" / "account-modes.md"


def test_textbook() -> None:
    assert load("textbook").mode_rules() == ModeRules(
        kyc="advanced",
        net_assets=D(100_000),
        account_age_days=30,
        futures_trades=10,
        futures_volume=D(10_000),
        experience_days=30,
        isolated_positions=True,
        open_positions=True,
        open_orders="cancel",
        questions=10,
        pass_mark=D("0.8"),
        cool_down_ns=10 * MINUTE_NS,
        switch_ns=5 * MINUTE_NS,
        return_ns=5 * MINUTE_NS,
        ratio_after=None,
        split_to="spot",
        withdrawal_ratio=D("1.5"),
    )


def test_binance() -> None:
    """FAQ a7834b9b (positions, orders), square post 6314039918833 (100,000), FAQ 446ce2c3 (1.2)."""
    rules = load("binance").mode_rules()
    assert (rules.net_assets, rules.net_assets_lines) == (100_000, ("margin", "um", "cm"))
    assert (rules.open_positions, rules.isolated_positions) == (False, False)
    assert (rules.open_orders, rules.withdrawal_ratio) == ("refuse", D("1.2"))


@pytest.mark.parametrize("name", names())
def test_a_venue_has_the_rules_of_its_file(name: str) -> None:
    rulebook = load(name)
    data = tomllib.loads((FOLDER / f"{name}.toml").read_text("utf-8"), parse_float=D)
    said = {k: v for k, v in data["account_modes"].items() if k not in ("source", "sources")}
    venue = venue_rules(rulebook, rulebook.margin_rules("separated")).modes
    for key, value in said.items():
        if key.endswith("_minutes"):
            assert getattr(venue, key.replace("_minutes", "_ns")) == value * MINUTE_NS
        elif isinstance(value, list):
            assert getattr(venue, key) == tuple(value)
        else:
            assert getattr(venue, key) == value
    assert venue.kyc != "none"
    assert venue.net_assets > 0


@pytest.mark.parametrize("name", names())
def test_what_is_not_known_of_a_venue_is_said(name: str) -> None:
    rulebook = load(name)
    sure = {one.path: one.sure for one in rulebook.figures() if "account_modes" in one.path}
    assert {"account_modes.kyc", "account_modes.net_assets", "account_modes.split_to"} <= set(sure)
    if name != "textbook":
        assert sure["account_modes.switch_minutes"] == "chosen"
        assert any(gap.startswith("Account modes:") for gap in rulebook.gaps)


def test_a_rulebook_without_the_section_asks_for_nothing() -> None:
    bare = load("textbook").model_copy(update={"account_modes": None})
    rules = bare.mode_rules()
    assert rules == ModeRules(questions=0)
    assert (rules.net_assets, rules.switch_ns, rules.kyc) == (0, 0, "none")


def test_parts_of_a_minute_and_a_ratio() -> None:
    over = {"account_modes": {"switch_minutes": D("0.5"), "ratio_after": D("1.8")}}
    rules = load("textbook").with_overrides(over).mode_rules()
    assert (rules.switch_ns, rules.ratio_after) == (MINUTE_NS // 2, D("1.8"))


def test_two_rulebooks_differ_in_it() -> None:
    found = {one.path: one for one in differences(load("textbook"), load("binance"))}
    kyc = found["account_modes.kyc"]
    assert kyc.one is not None
    assert kyc.other is not None
    assert (kyc.one.value, kyc.other.value) == ("advanced", "basic")
    assert "account_modes.pass_mark" not in found


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("kyc", "gold", "account_modes.kyc: input should be 'none', 'basic' or 'advanced'"),
        ("net_assets", -1, "account_modes.net_assets: input should be greater than or equal to 0"),
        ("net_assets_lines", ["bank"], "account_modes.net_assets_lines.0: input should be 'spot'"),
        ("account_age_days", -1, "account_modes.account_age_days: input should be greater than"),
        ("experience_days", 0, "account_modes.experience_days: input should be greater than"),
        ("open_orders", "keep", "account_modes.open_orders: input should be 'cancel' or 'refuse'"),
        ("questions", 1_000, f"account_modes.questions: must be at most {len(bank())}"),
        ("pass_mark", D("1.1"), "account_modes.pass_mark: input should be less than or equal to 1"),
        ("switch_minutes", -1, "account_modes.switch_minutes: input should be greater than"),
        ("switch_minutes", D("1e-12"), "account_modes.switch_minutes: must be whole nanoseconds"),
        ("ratio_after", 0, "account_modes.ratio_after: input should be greater than 0"),
        ("split_to", "pocket", "account_modes.split_to: input should be 'spot'"),
        ("net_asset", 1, "account_modes.net_asset: unknown key (did you mean 'net_assets'?)"),
    ],
)
def test_a_wrong_value_is_named(key: str, value: Any, message: str) -> None:
    with pytest.raises(InputError) as raised:
        load("textbook").with_overrides({"account_modes": {key: value}})
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def cells(name: str) -> list[str]:
    """Return the column of a rulebook in the table of docs/rules/account-modes.md."""
    rulebook = load(name)
    rules = rulebook.mode_rules()
    ladder = rulebook.margin_rules("unified").ladder

    def within(amount: Decimal | int, window: str) -> str:
        return f"{amount:,} in {rules.experience_days} days" if amount else window

    lines = f" in {', '.join(rules.net_assets_lines)}" if rules.net_assets_lines else ""
    minutes = [ns / MINUTE_NS for ns in (rules.switch_ns, rules.return_ns)]
    return [
        rules.kyc,
        f"{rules.net_assets:,}{lines}",
        f"{rules.account_age_days} days" if rules.account_age_days else "–",
        within(rules.futures_trades, "–"),
        within(rules.futures_volume, "–"),
        "join the pool" if rules.isolated_positions else "none",
        "kept" if rules.open_positions else "none",
        {"cancel": "cancelled", "refuse": "none"}[rules.open_orders],
        f"{rules.questions}, {rules.pass_mark * 100:.0f} %",
        f"{rules.cool_down_ns / MINUTE_NS:g} min",
        f"{ratio_needed(rules, ladder)}",
        ", ".join(f"{one:g} min" for one in minutes) if any(minutes) else "–",
        rules.split_to,
        f"{rules.withdrawal_ratio}",
    ]


def test_the_table_of_the_page_is_what_the_files_say() -> None:
    text = PAGE.read_text("utf-8")
    rows = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
    head, _, *table = [[cell.strip() for cell in row] for row in rows[: 2 + 14]]
    assert {cell.strip("`") for cell in head[1:]} == set(names())
    for at, name in enumerate(head[1:], start=1):
        assert [row[at] for row in table] == cells(name.strip("`")), name
