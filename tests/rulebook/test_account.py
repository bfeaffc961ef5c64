"""Goal: an account's own choices become rules, and what does not go together is refused.

Method: the rules of ``binance`` and ``textbook`` with each choice, against literals; pools of a
small venue with them.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from simulator.errors import InputError
from simulator.rulebook.account import account_rules, interest_rules
from simulator.rulebook.load import load


def test_single_asset_mode_counts_what_the_contracts_settle_in() -> None:
    um = account_rules(load("binance"), "separated").collateral_of("um")
    assert [um.ratio_of(asset) for asset in ("USDT", "BTC", "BNB")] == [1, 0, 0]


def test_multi_assets_mode_counts_by_the_ratio() -> None:
    margin = account_rules(load("binance"), "separated", multi_assets=True)
    um = margin.collateral_of("um")
    assert um.ratio_of("BTC") == Decimal("0.975")
    assert um.ratio_of("USDT") == Decimal("0.9999")
    assert margin.margin_type == "cross"


def test_the_textbook_counts_everything() -> None:
    um = account_rules(load("textbook"), "separated").collateral_of("um")
    assert um.ratio_of("BTC") == 1


@pytest.mark.parametrize(("given", "kept"), [(None, "isolated"), ("cross", "cross")])
def test_margin_type(given: str | None, kept: str) -> None:
    assert account_rules(load("textbook"), "separated", margin_type=given).margin_type == kept


@pytest.mark.parametrize("leverage", [3, 5, 10])
def test_margin_leverage(leverage: int) -> None:
    margin = account_rules(load("binance"), "separated", margin_leverage=leverage)
    assert margin.loans is not None
    assert margin.loans.default_leverage == leverage
    assert margin.ladder_of("margin") == margin.ladder_of(f"margin:{leverage}")


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("binance", {"mode": "unified", "multi_assets": True}, "multi_assets: is of separated"),
    ("binance", {"margin_type": "isolated", "multi_assets": True}, "multi_assets: is of separated"),
    ("textbook", {"multi_assets": True}, "rulebook textbook has no table"),
    ("binance", {"margin_leverage": 4}, "margin_leverage 4: must be 3, 5, 10"),
    ("okx_pm", {"margin_leverage": 1}, "margin_leverage 1: must be"),
]


@pytest.mark.parametrize(("rulebook", "choices", "said"), REFUSED)
def test_refusals(rulebook: str, choices: dict[str, Any], said: str) -> None:
    mode = choices.pop("mode", "separated")
    with pytest.raises(InputError, match=said):
        account_rules(load(rulebook), mode, **choices)


def test_interest_of_binance() -> None:
    rules = interest_rules(load("binance"), multi_assets=True)
    assert rules.periodic("BTC") == Fraction("0.00013233") / 24
    assert rules.on_negative("USDT", Decimal(-10_050)) == Decimal("0.05")
    assert rules.convert["um"] == {"USDT": 5_000, "USDC": 5_000, "BTC": Decimal("0.1")}
    assert rules.convert["unified"] == {"ETH": 5}
    assert "um" not in interest_rules(load("binance")).convert


def test_interest_of_the_textbook() -> None:
    rules = interest_rules(load("textbook"))
    assert (rules.negative_pools, dict(rules.convert)) == ((), {})
    assert rules.on_negative("USDT", Decimal(-10_050)) == 0
