"""Goal: rulebooks hold what they should, say where each value is from, and name what is broken.

Method: the bundled files read whole; one broken copy of a file for each kind of mistake.
"""

from __future__ import annotations

import tomllib
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from simulator.errors import InputError
from simulator.risk import kernels
from simulator.risk.brackets import bracket_columns
from simulator.rulebook.load import FOLDER, load, names
from simulator.rulebook.schema import Rulebook

D = Decimal


@pytest.fixture(params=names())
def rulebook(request: pytest.FixtureRequest) -> Rulebook:
    return load(str(request.param))


def test_the_default_comes_first() -> None:
    assert names()[0] == "textbook"
    assert "binance" in names()
    assert not any("." in name for name in names())


def test_name_is_the_files_name(rulebook: Rulebook) -> None:
    assert load(FOLDER / f"{rulebook.name}.toml") == rulebook


def test_every_value_has_a_source(rulebook: Rulebook) -> None:
    figures = list(rulebook.figures())
    assert len(figures) > 30
    assert len({figure.path for figure in figures}) == len(figures)
    assert all(figure.source for figure in figures)


def test_every_source_is_used(rulebook: Rulebook) -> None:
    used = {figure.source for figure in rulebook.figures()}
    assert {source.text for source in rulebook.sources.values()} <= used


def test_every_value_of_the_file_is_a_figure(rulebook: Rulebook) -> None:
    data = tomllib.loads((FOLDER / f"{rulebook.name}.toml").read_text("utf-8"))
    paths = {figure.path for figure in rulebook.figures()}

    def leaves(path: str, table: dict[str, object]) -> list[str]:
        found: list[str] = []
        for key, value in table.items():
            if key in ("source", "sources"):
                continue
            below = f"{path}.{key}" if path else key
            if isinstance(value, dict) and "at" not in value:
                found += leaves(below, value)
            else:
                found.append(below)
        return found

    # A bare number where a table by asset is meant is its entry `default`.
    paths |= {path.removesuffix(".default") for path in paths if path.endswith(".default")}
    assert set(leaves("", data)) - {"name", "title", "include", "gaps"} <= paths


def test_a_rulebook_cannot_be_changed(rulebook: Rulebook) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        rulebook.fees.spot.maker = D(0)


def test_fees_in_integers() -> None:
    fees = load("binance").fees
    assert (fees.spot.maker_e8, fees.spot.taker_e8) == (100_000, 100_000)
    assert (fees.um.maker_e8, fees.um.taker_e8) == (20_000, 50_000)
    assert (fees.spot.bnb_discount_e8, fees.um.bnb_discount_e8) == (25_000_000, 10_000_000)
    assert load("binance").liquidation.fee_e8 == 1_000_000


def test_funding_and_mark_parameters() -> None:
    binance = load("binance")
    assert binance.funding.instants_utc() == ("00:00", "08:00", "16:00")
    assert binance.funding.interval_ns == 28_800 * 10**9
    assert (binance.mark.points, binance.mark.step_ns) == (30, 10**9)


def test_modes() -> None:
    textbook, binance = load("textbook"), load("binance")
    assert textbook.margin_rules("separated").margin_type == "isolated"
    assert binance.margin_rules("separated").margin_type == "cross"
    assert {textbook.margin_rules(m).model for m in ("separated", "unified")} == {"scenario"}
    assert {binance.margin_rules(m).model for m in ("separated", "unified")} == {"brackets"}
    assert binance.margin_rules("unified").members == ("margin", "um", "cm")
    assert binance.margin_rules("separated").members == ()
    assert textbook.margin_rules("unified").leverage_of("BTCUSDT", "BTC", D(1)) == 10


def test_collateral_ratios_apply_only_where_the_mode_has_a_haircut() -> None:
    binance = load("binance")
    assert binance.margin_rules("unified").collateral.ratio_of("BTC") == D("0.95")
    assert binance.margin_rules("unified").collateral.ratio_of("NOBODY") == 0
    assert binance.margin_rules("separated").collateral.ratio_of("BTC") == 1
    assert load("textbook").margin_rules("unified").collateral.ratio_of("NOBODY") == 1


def test_brackets_of_btcusdt() -> None:
    """Quote: "-12M 1% 50x 12,000"; snapshot of GET /fapi/v1/leverageBracket, freqtrade 2026.9."""
    binance = load("binance")
    fourth = binance.brackets_of("BTCUSDT")[3]
    assert (fourth.floor, fourth.cap, fourth.mmr) == (3_000_000, 12_000_000, D("0.01"))
    assert (fourth.max_leverage, fourth.cum) == (50, 12_000)
    columns = bracket_columns({"BTCUSDT": binance.brackets_of("BTCUSDT")}, ["BTCUSDT"])
    margin = kernels.bracket_maintenance_margin(
        5e6, columns.cap, columns.rate, columns.cum, 0, np.size(columns.cap)
    )
    assert margin == 38_000
    with pytest.raises(InputError, match="binance: no brackets for NOPEUSDT; it lists BNBUSDT"):
        binance.brackets_of("NOPEUSDT")
    with pytest.raises(InputError, match="it lists none"):
        load("textbook").brackets_of("BTCUSDT")


# What is replaced in a copy of binance.toml (or its brackets), and what the error must say.
BROKEN = [
    (
        "binance",
        "margin_type =",
        "margin_tipe =",
        r"separated\.margin_tipe: unknown key .*'margin_type'",
    ),
    ("binance", "[funding]", "[fundign]", r"fundign: unknown key \(did you mean 'funding'\?\)"),
    ("binance", "maker = 0.0002", "makr = 0.0002", r"fees\.um\.makr: unknown key .*'maker'"),
    (
        "binance",
        "reduce_only = {at",
        "reduce_only = {att",
        r"ladder\.reduce_only\.att: unknown .*'at'",
    ),
    (
        "binance",
        "interval_hours = 8",
        "interval_hours = 7",
        r"funding\.interval_hours: must divide 24",
    ),
    ("binance", "interval_hours = 8", 'interval_hours = "x"', r"funding\.interval_hours: .*not x"),
    ("binance", "interval_hours = 8\n", "", r"funding\.interval_hours: missing"),
    (
        "binance",
        "at = 1.2",
        "at = 1.6",
        r"unified\.ladder: thresholds must fall .* 1\.5, 1\.6, 1\.05",
    ),
    ("binance", "target = 1.05", "target = 1.0", r"unified\.ladder: target 1\.0 lies below"),
    ("binance", 'edge = "<="', 'edge = "="', r"edge: .*'<=' or '<', not ="),
    (
        "binance",
        'credit_rate = "1/3"',
        'credit_rate = "2/3"',
        r"scenario: credit_rate .*1/2, not 2/3",
    ),
    (
        "binance",
        'credit_rate = "1/3"',
        'credit_rate = "x"',
        r"scenario\.credit_rate: must be a number",
    ),
    ("binance", "taker = 0.001", "taker = 0.000000001", r"fees\.spot\.taker: must be a multiple"),
    ("binance", "taker = 0.001", "taker = true", r"fees\.spot\.taker: must be a number, not True"),
    ("binance", "BTC = 0.95", "BTC = 1.5", r"collateral\.ratio\.BTC: .*less than or equal to 1"),
    ("binance", 'members = ["margin"', 'members = ["margn"', r"unified\.members\.0: .*not margn"),
    ("binance", 'source = "fees"', 'source = "feess"', r"fees names the source 'feess', not in"),
    ("binance", "sources = {cap =", "sources = {capp =", r"funding\.sources names 'capp'"),
    ("binance", "default_leverage = 3\n", "default_leverage = 4\n", r"loans: default_leverage 4"),
    (
        "binance",
        "window_seconds = 30\n",
        "window_seconds = 0\n",
        r"mark\.window_seconds: .*greater than or equal to 1, not 0",
    ),
    ("binance", "step_seconds = 1\nfee", "step_seconds = 7\nfee", r"delivery: window_seconds must"),
    ("binance", "[mark]", "[mark", r"not valid TOML"),
    (
        "binance",
        '["binance.brackets.toml"]',
        '["nope.toml"]',
        r"include: no such file beside it: nope",
    ),
    ("binance", '["binance.brackets.toml"]', "[]", r'"brackets" needs a table \[brackets\.um\]'),
    (
        "brackets",
        "cum = 300}",
        "cum = 301}",
        r"brackets\.um: BTCUSDT: bracket 2: cum must be 300 .*301",
    ),
    ("brackets", "floor = 300000", "floor = 300001", r"BTCUSDT: bracket 2: floor must be 300000"),
    ("brackets", "[brackets.um]", "[brackets.un]", r"brackets\.un: unknown key .*'um'"),
]


@pytest.mark.parametrize(("which", "old", "new", "message"), BROKEN)
def test_a_broken_file_is_named_with_the_path_of_the_value(
    tmp_path: Path, which: str, old: str, new: str, message: str
) -> None:
    for name in ("binance.toml", "binance.brackets.toml"):
        text = (FOLDER / name).read_text("utf-8")
        if (which == "brackets") == (name == "binance.brackets.toml"):
            assert old in text
            text = text.replace(old, new, 1)
        (tmp_path / name).write_text(text, "utf-8")
    with pytest.raises(InputError, match=message) as caught:
        load(tmp_path / "binance.toml")
    assert "binance" in str(caught.value).split(":")[0]
    assert "\n" not in str(caught.value)


def test_a_table_that_stands_in_two_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "binance.toml").write_text((FOLDER / "binance.toml").read_text("utf-8"), "utf-8")
    brackets = (FOLDER / "binance.brackets.toml").read_text("utf-8")
    (tmp_path / "binance.brackets.toml").write_text("name = 'x'\n" + brackets, "utf-8")
    with pytest.raises(InputError, match=r"name: stands in binance\.toml too"):
        load(tmp_path / "binance.toml")


def test_an_unknown_name_comes_with_the_nearest() -> None:
    with pytest.raises(InputError, match=r"'binanse' is not known \(did you mean 'binance'\?\)"):
        load("binanse")
    with pytest.raises(InputError, match="no such file"):
        load("nowhere/mine.toml")


DERIVE = Path(__file__).parent / "derive_pmrm.toml"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("move = 0.05", "move = 1", r"basis_contingency.*move.default must lie between 0 and 1"),
        ("of_range = true", "of_range = true\ndampener = 1", "dampener goes with moves"),
        (
            "of_range = true\nsteps = 3",
            "moves = [0.5]\ndampener = {BTC = -1}",
            "dampener.BTC must be 0 or more, not -1",
        ),
        ('kind = "grid"', 'kind = "grid"\nrole = "charge"', "at least one grid with role worst"),
        ("total_is", 'factor_scope = "scan"\ntotal_is', "factor_scope"),
    ],
)
def test_a_broken_scenario_component_is_named(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    text = DERIVE.read_text("utf-8")
    assert old in text
    (tmp_path / "mine.toml").write_text(text.replace(old, new, 1), "utf-8")
    with pytest.raises(InputError, match=message):
        load(tmp_path / "mine.toml")
