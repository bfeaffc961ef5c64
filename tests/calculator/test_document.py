"""Goal: a document is read exactly, and whatever is wrong in it is refused in one clear line.

Method: a table of documents and of what the message must say; YAML, JSON and mappings of the same
content; numbers with more digits than a float has.
"""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from simulator.calculator.read import read
from simulator.calculator.report import margin
from simulator.errors import InputError

PLAIN: dict[str, Any] = {
    "prices": {"index": {"BTC": "50000", "ETH": 3000}},
    "balances": {"um": {"USDT": 6000}},
    "positions": [{"instrument": "BTCUSDT", "quantity": "1", "entry_price": 50000}],
}


def changed(**values: Any) -> dict[str, Any]:
    return {**PLAIN, **values}


WRONG = [
    (changed(positions={"BTCUSDT": 1}), "positions: must be a list, not a table"),
    (changed(positions=[5]), "positions[0]: must be a table of keys, not 5"),
    (changed(prices={"index": 7}), "prices.index: must be a table of keys, not 7"),
    (changed(margin_leverage=4), "margin_leverage: rulebook textbook has 3, 5, 10, not 4"),
    ({**PLAIN, "\n": 1}, "unknown key \\n; known: mode"),
    (changed(modus="unified"), "unknown key modus (did you mean 'mode'?)"),
    (changed(mode="unifed"), "mode: must be 'separated' or 'unified', not unifed"),
    (changed(rulebook="binanze"), "rulebook 'binanze' is not known (did you mean 'binance'?)"),
    (changed(time="yesterday"), "time: must be an instant such as 2026-11-22T00:00:00Z"),
    (changed(balances={"umm": {}}), "balances: unknown key umm (did you mean 'um'?)"),
    (changed(balances={"um": {"USDT": "much"}}), "balances.um.USDT"),
    (changed(balances={"um": {"USDT": float("nan")}}), "must be a finite number"),
    (changed(balances={"um": {"USDT": "1e400"}}), "must be 0 or of a size from"),
    (changed(balances={"um": {"USDT": True}}), "balances.um.USDT"),
    (changed(balances={"um": {"USDT": {"loan": 5}}}), "only the margin wallet has a loan"),
    (changed(balances={"margin": {"USDT": {"loan": -5}}}), "balances.margin.USDT.loan"),
    (changed(balances={"margin": {"DOGE": 5}}), "prices.index.DOGE: missing"),
    (changed(prices={"index": {"BTC": 0}}), "prices.index.BTC: must be greater than 0"),
    (changed(prices={"index": {}}), "prices.index.BTC: missing; positions[0] needs it"),
    (changed(prices={"index": {"BTC": 1}, "mark": {"?": 1}}), "prices.mark.?: '?' is no instr"),
    (changed(positions=[{"instrument": "BTCUSDT"}]), "positions[0].quantity: missing"),
    (
        changed(positions=[{"instrument": "BTCUSDT", "quantty": 1}]),
        "positions[0]: unknown key quantty (did you mean 'quantity'?)",
    ),
    (
        changed(positions=[{"instrument": "BTCUSDT", "quantity": 1, "leverage": 0}]),
        "positions[0].leverage: must be greater than or equal to 1",
    ),
    (
        changed(positions=[{"instrument": "BTC-PERPETUAL", "quantity": 1}]),
        "positions[0].instrument: 'BTC-PERPETUAL' is no instrument's name",
    ),
    (
        changed(positions=[{"instrument": "BTC-261335-50000-C", "quantity": 1}]),
        "261335 is no day of the calendar",
    ),
    (
        changed(
            time="2027-01-01T00:00:00Z",
            positions=[{"instrument": "BTCUSDT_261225", "quantity": 1}],
        ),
        "BTCUSDT_261225 expired 2026-12-25T08:00:00Z, not after the document's time 2027-01-01",
    ),
    (
        changed(positions=[{"instrument": "BTC-261225-50000-C", "quantity": 1}]),
        "prices.mark.BTC-261225-50000-C is missing; give it, or volatility and time",
    ),
    (
        changed(
            rulebook="binance",
            prices={"index": {"FOO": 1}},
            positions=[{"instrument": "FOOUSDT", "quantity": 1}],
        ),
        "no brackets for FOOUSDT; give them under overrides.brackets.FOOUSDT",
    ),
    (changed(correlation={"BTCETH": 1}), "'BTCETH' is no pair of underlyings such as BTC/ETH"),
    (changed(correlation={"BTC/ETH": 2}), "correlation.BTC/ETH: must be less than or equal to 1"),
    (changed(volatility={"BTC": 55}), "volatility.BTC: must be less than or equal to 20"),
    (changed(overrides={"brakets": {}}), "did you mean 'brackets'?"),
    (
        changed(overrides={"brackets": {"BTCUSDT": [{"floor": 5, "cap": 9, "mmr": 0.1}]}}),
        "BTCUSDT: bracket 1: floor must be 0, not 5",
    ),
    (changed(rulebook="binance", margin_leverage=7), "margin_leverage: rulebook binance has 3"),
    (
        changed(balances={"spot": {"USDT": -1}}, mode="separated"),
        "balances.spot.USDT: plain spot cannot be below 0",
    ),
]


@pytest.mark.parametrize(("document", "message"), WRONG, ids=[text for _, text in WRONG])
def test_what_is_wrong_is_said_in_one_line(document: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as raised:
        margin(document)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


TEXTS = [
    ("positions: [", "not valid YAML"),
    ('{"mode": [1, 2}', "line 1"),
    ('{"mode": NaN}\n', "NaN is no number"),
    ("mode: unified\nmode: separated\n", "the key 'mode' stands twice"),
    ('{"mode": "unified", "mode": "separated"}', "the key 'mode' stands twice"),
    ("- 1\n- 2\n", "must be a table of keys"),
    ("[" * 20000 + "\n", "document"),
]


@pytest.mark.parametrize(("text", "message"), TEXTS, ids=[message for _, message in TEXTS])
def test_text_that_is_none(text: str, message: str) -> None:
    with pytest.raises(InputError, match=r"^document: ") as raised:
        read(text)
    assert message in str(raised.value)


def test_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read(tmp_path / "nothing.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="not UTF-8"):
        read(tmp_path / "binary.yaml")
    with pytest.raises(InputError, match="directory"):
        read(tmp_path)


def test_strings_and_numbers_keep_every_digit(tmp_path: Path) -> None:
    digits = "0.1234567890123456789012345"
    written = f"balances: {{um: {{USDT: {digits}, BTC: '{digits}'}}}}\n"
    as_json = f'{{"balances": {{"um": {{"USDT": {digits}, "BTC": "{digits}"}}}}}}'
    path = tmp_path / "document.yaml"
    path.write_text(written, encoding="utf-8")
    for source in (written, as_json, path, str(path)):
        wallet = read(source).balances.um
        assert wallet["USDT"].asset == wallet["BTC"].asset == Decimal(digits)


def test_yaml_json_and_mapping_agree() -> None:
    as_json = json.dumps(PLAIN)
    yaml_text = """
prices: {index: {BTC: "50000", ETH: 3000}}
balances: {um: {USDT: 6_000}}
positions:
  - {instrument: BTCUSDT, quantity: 1, entry_price: 5e4}
"""
    assert margin(PLAIN) == margin(as_json) == margin(yaml_text)


def test_words_that_yaml_reads_as_booleans_stay_words() -> None:
    document = read("prices: {index: {ON: 2}}\nbalances: {spot: {ON: 5}}\n")
    assert document.balances.spot["ON"].asset == 5
