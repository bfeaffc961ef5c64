"""Goal: a rulebook can change another's values, by a file or by overrides, each with its source.

Method: small files that extend bundled ones; overrides by path; what is wrong must be named.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from simulator.errors import InputError
from simulator.rulebook.difference import differences
from simulator.rulebook.load import load, names
from simulator.rulebook.overlay import OWN
from simulator.rulebook.schema import Rulebook

D = Decimal

HEAD = 'name = "mine"\ntitle = "Mine"\nextends = "{}"\n'


def written(folder: Path, text: str, base: str = "binance") -> Path:
    path = folder / "mine.toml"
    path.write_text(HEAD.format(base) + text, "utf-8")
    return path


def changed(one: Rulebook, other: Rulebook) -> dict[str, object]:
    return {d.path: d.other.value if d.other else None for d in differences(one, other)}


def test_a_file_that_only_extends_has_the_same_values(tmp_path: Path) -> None:
    for name in names():
        assert differences(load(name), load(written(tmp_path, "", name))) == []


def test_a_few_values_change_and_say_where_they_are_from(tmp_path: Path) -> None:
    text = """
        [unified.ladder]
        liquidation = {at = 1.0}
        target = 1.1
        [collateral.ratio]
        BTC = 0.9
        [fees.um]
        source = "deal"
        taker = 0.0003
        [sources.deal]
        text = "Our contract"
        sure = "read"
    """
    mine = load(written(tmp_path, text))
    assert changed(load("binance"), mine) == {
        "unified.ladder.target": "1.1",
        "unified.ladder.liquidation": {"at": "1", "edge": "<="},
        "collateral.ratio.BTC": "0.9",
        "fees.um.taker": "0.0003",
    }
    figures = {figure.path: figure for figure in mine.figures()}
    assert figures["fees.um.taker"].source == "Our contract"
    assert figures["fees.um.maker"].sure == "secondary"
    own = figures["collateral.ratio.BTC"]
    assert (own.source, own.sure) == ("Stated by mine.toml, without a source", "chosen")
    assert figures["collateral.ratio.ETH"].sure == "inferred"
    assert mine.sources[OWN].text == own.source


def test_values_can_be_taken_away_first(tmp_path: Path) -> None:
    text = 'without = ["scenario.components.concentration"]\n'
    mine = load(written(tmp_path, text, "textbook"))
    assert set(changed(load("textbook"), mine).values()) == {None}
    parts = [part.name for part in mine.margin_rules("unified").scenario.components]
    assert parts == ["scan_risk", "calendar_charge", "short_option_minimum", "loans"]


def test_a_component_of_another_kind_takes_the_place_whole(tmp_path: Path) -> None:
    text = """
        [scenario.components.concentration]
        source = "plain"
        kind = "size"
        scope = "futures"
        rate = 0.01
    """
    mine = load(written(tmp_path, text, "textbook"))
    assert not any("concentration.tiers.0.rate" in f.path for f in mine.figures())
    assert mine.scenario.components["concentration"].kind == "size"


def test_a_file_can_extend_a_file_beside_it(tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_text(
        HEAD.format("textbook") + "[scenario]\ncredit_rate = 0.1\n", "utf-8"
    )
    mine = load(written(tmp_path, "[liquidation]\nfee = 0.001\n", "base.toml"))
    assert (mine.scenario.credit_rate, mine.liquidation.fee) == (Fraction(1, 10), D("0.001"))


BROKEN = [
    ("textbook", "[scenario]\ncredit_rate = 0.9\n", r"scenario: credit_rate must lie in 0 to 1/2"),
    ("textbook", "[scenario]\ncredit_rat = 0.1\n", r"scenario\.credit_rat: unknown .*credit_rate"),
    ("textbok", "", r"extends: rulebook 'textbok' is not known \(did you mean 'textbook'\?\)"),
    ("mine.toml", "", r"extends: the file extends itself"),
    ("nope.toml", "", r"extends: rulebook nope\.toml: no such file"),
    ("textbook", 'without = ["scenario.component"]\n', r"without: nothing at scenario\.component "),
    ("textbook", 'without = "x"\n', r"without: must be a list"),
    ("textbook", 'without = ["fees"]\n', r"fees: missing"),
    (
        "textbook",
        "[scenario.components.scan_risk]\nsteps = 0\n",
        r"scenario\.components\.scan_risk\.steps: .*greater than or equal to 1, not 0",
    ),
    (
        "textbook",
        "[scenario.components.scan_risk]\nvolatilty = []\n",
        r"scenario\.components\.scan_risk\.volatilty: unknown key \(did you mean 'volatility'",
    ),
    (
        "textbook",
        "[scenario.components.loans.rate]\ncahs = 1\n",
        r"components\.loans\.rate\.cahs: no such tier; there are cash, default",
    ),
    (
        "textbook",
        '[scenario.components.new]\nsource = "plain"\nkind = "gird"\n',
        r"scenario\.components\.new\.kind: unknown kind 'gird' \(did you mean 'grid'\?\); there",
    ),
    (
        "textbook",
        '[scenario.components.new]\nsource = "plain"\n',
        r"scenario\.components\.new\.kind: missing; there are grid, calendar",
    ),
    (
        "textbook",
        '[scenario.components.new]\nsource = "plain"\nkind = "grid"\nmoves = [0.1, 2]\n',
        r"scenario\.components\.new: moves\.default: a price cannot fall by more than 1",
    ),
    (
        "textbook",
        '[scenario.components.new]\nsource = "plain"\nkind = "grid"\nmoves = [0.1, "x"]\n',
        r"scenario\.components\.new\.moves\.default\.1: must be a number",
    ),
    (
        "textbook",
        '[scenario.components.new]\nsource = "plain"\nkind = "grid"\nmoves = {BTC = [0.1]}\n',
        r"scenario\.components\.new: an entry default is needed",
    ),
    (
        "textbook",
        '[scenario.components.new]\nsource = "plain"\nkind = "grid"\nmoves=[0.1]\nweights=[1, 1]\n',
        r"scenario\.components\.new: weights has 2 entries, moves\.default 1",
    ),
    (
        "textbook",
        '[scenario.components.new]\nsource = "plain"\nkind = "grid"\nsteps = 2\n',
        r"scenario\.components\.new: steps need a range",
    ),
    (
        "okx_pm",
        "[scenario.components.MR7]\ntiers = [{above = 5, factor = 1}]\n",
        r"scenario\.components\.MR7: tiers: the first must be above 0",
    ),
    (
        "okx_pm",
        "[scenario.volatility]\nup = {default = 0.3, BTC = 0.2}\n",
        r"scenario\.volatility: up: only relative moves can differ",
    ),
    (
        "binance",
        "[cross_margin.levels.5]\nliquidation = 1.2\n",
        r"cross_margin: levels\.5: thresholds must fall|cross_margin: levels\.5: target",
    ),
    (
        "binance",
        "[cross_margin.levels.5]\nliquidation = 0.9\n",
        r"levels\.5\.liquidation: .*than 1",
    ),
    ("binance", "[interest]\ndaily = {BTC = 0.1}\n", r"interest: daily\.BTC|daily needs an entry"),
    ("binance", "[interest]\nevery_hours = 5\n", r"interest: every_hours must divide 24, not 5"),
    ("binance", '[brackets.um]\nX = "Y"\n', r"brackets\.um: X: no table 'Y' to repeat"),
    ("binance", '[brackets.um]\nADAUSD_PERP = "BTCUSDT"\n', r"um\.ADAUSD_PERP: .* belongs to cm"),
    ("binance", '[brackets.cm]\nADAUSDT = "BTCUSD_PERP"\n', r"cm\.ADAUSDT: not a coin-margined"),
    ("binance", 'without = ["option_margin"]\n', r"needs a table \[option_margin\]"),
    ("binance", 'without = ["brackets.cm"]\n', r"needs a table \[brackets\.cm\]"),
    ("binance", "[collateral.tiers]\nBTC = [{floor = 5, ratio = 1}]\n", r"BTC: floors must start"),
]


@pytest.mark.parametrize(("base", "text", "message"), BROKEN)
def test_what_is_wrong_is_named_with_its_path(
    tmp_path: Path, base: str, text: str, message: str
) -> None:
    with pytest.raises(InputError, match=message) as caught:
        load(written(tmp_path, text, base))
    assert str(caught.value).split(":")[0].endswith("mine.toml")
    assert "\n" not in str(caught.value)


def test_overrides_by_any_path() -> None:
    book = load("textbook")
    mine = book.with_overrides(
        {"scenario.credit_rate": 0.25, "scenario": {"price_range": {"BTC": "0.2"}}}
    )
    assert changed(book, mine) == {
        "scenario.credit_rate": "0.25",
        "scenario.price_range.BTC": "0.2",
    }
    figure = next(f for f in mine.figures() if f.path == "scenario.credit_rate")
    assert figure.sure == "chosen"
    assert "overrides" in figure.source
    assert load("textbook") == book


def test_overrides_of_brackets_and_collateral() -> None:
    binance = load("binance")
    rows = [
        {"floor": 0, "cap": 50_000, "mmr": 0.004, "max_leverage": 125},
        {"floor": 50_000, "cap": 250_000, "mmr": "0.005", "max_leverage": 100},
        {"floor": 250_000, "cap": 10**6, "mmr": D("0.01"), "max_leverage": 50},
    ]
    mine = binance.with_overrides(
        {"brackets": {"BTCUSDT": rows, "BTCUSD_PERP": rows}, "collateral_ratio": {"BTC": 0.5}}
    )
    assert [b.cum for b in mine.brackets_of("BTCUSDT")] == [0, 50, 1300]
    assert [b.cum for b in mine.brackets_of("BTCUSD_PERP")] == [0, 50, 1300]
    assert mine.brackets_of("ETHUSDT") == binance.brackets_of("ETHUSDT")
    assert mine.margin_rules("unified").collateral.ratio_of("BTC") == D("0.5")
    assert mine.margin_rules("unified").collateral.ratio_of("ETH") == D("0.95")
    assert mine.margin_rules("separated").collateral.ratio_of("BTC") == 1


def test_collateral_ratio_without_a_haircut_is_applied_to_the_assets_named() -> None:
    mine = load("textbook").with_overrides({"collateral_ratio": {"BTC": "0.9"}})
    for mode in ("separated", "unified"):
        ratios = mine.margin_rules("unified" if mode == "unified" else "separated").collateral
        assert (ratios.ratio_of("BTC"), ratios.ratio_of("ETH")) == (D("0.9"), D(1))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"scenario.credit_rat": 0.1}, r"overrides: scenario\.credit_rat: unknown .*'credit_rate'"),
        ({"scenario": {"credit_rate": "x"}}, r"overrides: scenario\.credit_rate: must be a number"),
        ({"brakets": {}}, r"overrides: brakets: unknown key \(did you mean 'brackets'\?\)"),
        (
            {"collateral_ratio": {"BTC": 2}},
            r"overrides: collateral\.ratio\.BTC: .*equal to 1, not 2",
        ),
        (
            {"brackets": {"BTCUSDT": [{"floor": 5, "cap": 9, "mmr": "0.1", "max_leverage": 5}]}},
            r"overrides: brackets\.um: BTCUSDT: bracket 1: floor must be 0, not 5",
        ),
        ({"fees": 3}, r"overrides: fees: .*"),
        ({"mark": {"sources": 3, "step_seconds": 2}}, r"overrides: mark\.sources: "),
        ({"mark": {"sources": {"step_seconds": []}}}, r"overrides: mark\.sources\.step_seconds: "),
        ({"mark": {"sources": {"step": "mark"}}}, r"overrides: mark\.sources names 'step'"),
        ({"sources": "x"}, r"overrides: sources: "),
    ],
)
def test_a_wrong_override_is_named_with_its_path(values: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        load("binance").with_overrides(values)
    assert "\n" not in str(caught.value)


def test_tiers_of_collateral_give_way_to_a_ratio(tmp_path: Path) -> None:
    text = '[collateral.tiers]\nBTC = [{floor = 0, ratio = 1}, {floor = 200_000, ratio = "0.8"}]\n'
    book = load(written(tmp_path, text))
    tiers = book.margin_rules("unified").collateral.tiers
    assert tiers == {"BTC": ((D(0), D(1)), (D(200_000), D("0.8")))}
    plain = book.with_overrides({"collateral_ratio": {"BTC": "0.7"}}).margin_rules("unified")
    assert plain.collateral.tiers == {}
    assert plain.collateral.ratio_of("BTC") == D("0.7")
