"""Goal: a life in a scenario file is read as written, and a mistake is one line that names it.

Method: files with one step of each kind, right and then with one thing wrong.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from simulator.accounts.rules import AccountProfile
from simulator.cli.scenario import load_scenario
from simulator.errors import InputError
from simulator.strategy.life import DOES

HEAD = 'data = ["bundled:calm"]\nmode = "separated"\n'

STEPS = {
    "apply_unified": "",
    "accept_agreement": 'version = "1"',
    "answer": "answers = 3",
    "withdraw_application": "",
    "request_separated": "",
    "deposit": 'asset = "USDT"\nquantity = "1.5"',
    "withdraw": 'asset = "USDT"\nquantity = "all"',
    "transfer": 'asset = "USDT"\nquantity = 1\nsource = "spot"\ntarget = "um"',
    "borrow": 'asset = "BTC"\nquantity = 0.1',
    "repay": 'asset = "BTC"',
    "collect": "",
    "auto_repay": "on = false",
    "buy": 'market = "um:BTCUSDT"\nquantity = 0.1\nprice = "100000"',
    "sell": 'market = "um:BTCUSDT"\nquantity = 0.1',
    "close": "",
    "cancel_all": 'market = "um:BTCUSDT"',
}


def written(tmp_path: Path, text: str) -> str:
    path = tmp_path / "mine.toml"
    path.write_text(HEAD + text, encoding="utf-8")
    return str(path)


def step(do: str, rest: str = "", at: str = '"00:05:00"') -> str:
    return f'[[life]]\nat = {at}\ndo = "{do}"\n{rest}\n'


def test_every_step_has_a_shape() -> None:
    assert set(STEPS) == set(DOES)


@pytest.mark.parametrize("do", STEPS)
def test_step_is_read(tmp_path: Path, do: str) -> None:
    scenario = load_scenario(written(tmp_path, step(do, STEPS[do])))
    (made,) = (one.step() for one in scenario.life)
    assert (made.do, made.at, made.say) == (do, "00:05:00", "")
    assert set(made.values) == {line.split(" =")[0] for line in STEPS[do].splitlines()}
    assert scenario.strategies == ()


def test_amounts_are_exact_and_times_are_those_of_a_clock(tmp_path: Path) -> None:
    text = step("deposit", 'asset = "USDT"\nquantity = "0.1"', "00:00:01.25")
    (one,) = load_scenario(written(tmp_path, text)).life
    assert one.at == 1_250_000_000
    assert one.step().values["quantity"] == Decimal("0.1")


def test_profile_is_read(tmp_path: Path) -> None:
    text = '[profile]\nkyc = "basic"\nage_days = 3\nfutures_volume = "1000"\n'
    profile = load_scenario(written(tmp_path, text)).profile
    assert profile == AccountProfile("basic", 3, 0, Decimal(1000))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (step("bye"), "life step 1: no such do = 'bye'; known: apply_unified, "),
        ('[[life]]\nat = "00:05:00"\n', "life step 1: does not say what to do; known: "),
        (step("collect", at='"5 min"'),
         "life step 1 (collect): at: '5 min' is not hours:minutes:seconds"),
        (step("collect", at='"00:60:00"'), "'00:60:00' is not hours"),
        (step("collect") + step("buy", "quantity = 1"),
         "life step 2 (buy): market: is missing"),
        (step("buy", 'market = "x"\nquantity = 0'),
         "life step 1 (buy): quantity: 0 is not above 0"),
        (step("repay", 'asset = "BTC"\nquantity = "most"'), "quantity: 'most' is not a number"),
        (step("borrow", 'asset = "BTC"\nquantity = "nan"'), "quantity: 'nan' is not above 0"),
        (step("answer", 'answers = "maybe"'), "answers: 'maybe' is not right, wrong"),
        (step("answer", "answers = -1"), "answers: -1 is not right, wrong"),
        (step("close", "quantity = 1"), "quantity: no such key; known: market, at, say, do"),
        ('profile = "x"\n', "profile: must be a table, [profile]"),
        ('[life]\nat = "00:05:00"\ndo = "collect"\n', "in two pairs of brackets, [[life]]"),
        ("liffe = 3\n", "liffe: no such key"),
        (step("close") + step("collect", at='"00:04:59"'),
         "step 2 (collect at 00:04:59) must not be before step 1 (00:05:00)"),
        ('[profile]\nkyc = "full"\n', ".toml: profile kyc 'full': must be one of none, basic, adv"),
        ("[profile]\nage = 3\n", ".toml: profile age: unknown; there are kyc, age_days, "),
        ('[profile]\nage_days = "3"\n', ".toml: profile age_days '3': must be a whole number"),
        ("strategies = []\n", "strategies: name at least one"),
    ],
)  # fmt: skip
def test_mistake_is_one_line_that_names_it(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputError) as raised:
        load_scenario(written(tmp_path, text))
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)
