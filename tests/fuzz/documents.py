"""Targets that read documents: portfolios, what-ifs, rulebooks, scenarios, answers to the quiz."""

from __future__ import annotations

import json
import os
import tomllib
from functools import cache
from pathlib import Path
from random import Random

import yaml

import simulator.scenarios
from simulator import margin
from simulator.accounts.questionnaire import answers_in_order, bank, check_answers, draw
from simulator.calculator.advice import advise
from simulator.calculator.document import Document
from simulator.calculator.read import read
from simulator.calculator.what_if import moved, parse
from simulator.cli.engine import make_engine
from simulator.cli.run import load_strategies
from simulator.cli.scenario import load_scenario
from simulator.rulebook.load import FOLDER, load, names
from tests.fuzz import mutate, written
from tests.fuzz.target import Target

ROOT = Path(__file__).resolve().parents[2]


# --- portfolios -----------------------------------------------------------------------------------


@cache
def portfolios() -> tuple[bytes, ...]:
    """Return the documents of docs/examples as YAML and JSON, and one with every table."""
    texts = [path.read_text() for path in sorted((ROOT / "docs" / "examples").glob("*.yaml"))]
    trees = [yaml.load(text, Loader=yaml.BaseLoader) for text in texts]
    trees[0] |= {
        "correlation": {"BTC/ETH": "0.8"},
        "measured_volatility": {"BTC": "0.6"},
        "rate": "0.05",
        "open_loss": 10,
        "instruments": {
            "XYZ": {
                "product": "linear",
                "underlying": "BTC",
                "settle": "USDT",
                "brackets": [
                    {"floor": 0, "cap": 50000, "mmr": "0.01", "max_leverage": 50},
                    {"floor": 50000, "cap": 1000000, "mmr": "0.02"},
                ],
            },
            "OPT": {
                "product": "option",
                "underlying": "ETH",
                "settle": "USDT",
                "strike": 2500,
                "right": "P",
                "expiry": "2026-12-25T08:00:00Z",
                "contract_size": 1,
            },
        },
        "overrides": {"scenario.credit_rate": "0.2", "loans": {"maintenance_rate": {"3": "0.1"}}},
    }
    return (*(text.encode() for text in texts), *(json.dumps(tree).encode() for tree in trees))


def _changed_document(data: bytes, random: Random) -> bytes:
    text = data.decode(errors="replace")
    if not text.startswith("{"):
        lines = text.split("\n")
        at = random.randrange(len(lines))
        lines[at] = mutate.changed_text(lines[at], random) if lines[at] else str(mutate.odd(random))
        return written.encoded("\n".join(lines), random)
    return written.encoded(written.as_json(mutate.mutated(json.loads(text), random)), random)


def _margin(data: bytes, folder: Path) -> None:
    path = folder / "document"
    path.write_bytes(data)
    document = read(path)
    mode = ("separated", "unified")[len(data) % 2]
    json.dumps(margin(document, mode), allow_nan=False)
    if len(data) % 5 == 0:
        json.dumps(margin(moved(document, parse("BTC=-10%,vol=+30%")), mode), allow_nan=False)


def _advise(data: bytes, folder: Path) -> None:
    path = folder / "document"
    path.write_bytes(data)
    json.dumps(advise(path), allow_nan=False)


MOVES = (
    "BTC=-10%,ETH=2500,vol=+30%,+7d,corr=0.2",
    "BTC/ETH=0.1,rate=0.05,+3h",
    "BTCUSDT=49000,vol=0.8",
)


@cache
def all_products() -> Document:
    return read(ROOT / "docs" / "examples" / "all-products.yaml")


def _what_if(data: bytes, folder: Path) -> None:
    del folder
    document = moved(all_products(), parse(data.decode(errors="replace")))
    if len(data) % 4 == 0:  # a hundred times as long as what stands before
        json.dumps(margin(document), allow_nan=False)


def _changed_words(data: bytes, random: Random) -> bytes:
    """Change one of the words that commas and equal signs divide, or a character."""
    text = data.decode(errors="replace")
    if random.random() < 0.5:
        return mutate.changed_text(text, random).encode(errors="replace")
    parts = text.split(",")
    at = random.randrange(len(parts))
    name, equals, _ = parts[at].partition("=")
    parts[at] = f"{name}{equals}{mutate.odd(random)}" if equals else str(mutate.odd(random))
    return ",".join(parts).encode(errors="replace")


# --- rulebooks ------------------------------------------------------------------------------------


@cache
def rulebooks() -> tuple[bytes, ...]:
    """Return the bundled rulebooks, with what they include in one file, and small extensions."""
    found = []
    for name in names():
        data = tomllib.loads((FOLDER / f"{name}.toml").read_text())
        for other in data.pop("include", ()):
            more = tomllib.loads((FOLDER / other).read_text())
            data.setdefault("sources", {}).update(more.pop("sources", {}))
            data |= more
        for key in ("brackets",):
            # Thousands of rows teach a reader nothing that ten do not.
            if isinstance(data.get(key), dict):
                data[key] = dict(list(data[key].items())[:4])
        found.append(written.as_toml(data).encode())
    own = {
        "extends": "textbook",
        "name": "mine",
        "title": "Mine",
        "without": ["unified.ladder.target"],
        "unified": {"ladder": {"target": 1.6}},
    }
    return (*found, written.as_toml(own).encode(), written.as_toml({"extends": "binance"}).encode())


def _changed_toml(data: bytes, random: Random) -> bytes:
    try:
        tree = tomllib.loads(data.decode())
    except (ValueError, RecursionError):
        return written.changed_bytes(data, random)
    if random.random() < 0.15:
        return written.encoded(mutate.changed_text(data.decode(), random), random)
    return written.encoded(written.as_toml(mutate.mutated(tree, random)), random)


def _rulebook(data: bytes, folder: Path) -> None:
    path = folder / "mine.toml"
    path.write_bytes(data)
    rules = load(path)
    rules.mode_rules()
    list(rules.figures())
    if len(data) % 3 == 0:  # takes ten times as long as reading it
        mode = ("separated", "unified")[len(data) % 2]
        json.dumps(margin(all_products(), mode, str(path)), allow_nan=False)


# --- scenarios ------------------------------------------------------------------------------------

TINY = """
seed = 4
mode = "unified"
strategies = ["cash_and_carry"]
accounts = 12
latency = "5/5/5"
alerts = ["ratio<=1.3"]
start = "2025-10-10T20:50:00Z"
leverage = 3
rulebook = "binance"
queue_model = "power:3"
margin_type = "cross"
instruments = ["spot:BTCUSDT", "um:BTCUSDT"]
[deposits]
USDT = "100000"
[parameters]
size = "0.5"
[profile]
kyc = "advanced"
age_days = 365
futures_trades = 100
futures_volume = "100000"
[[life]]
at = "00:00:05"
do = "deposit"
asset = "USDT"
quantity = "60000"
[[life]]
at = "00:00:06"
do = "answer"
answers = "right"
[[life]]
at = "00:00:07"
do = "buy"
market = "um:BTCUSDT"
quantity = "0.5"
price = "90000"
[[life]]
at = "00:00:08"
do = "transfer"
asset = "USDT"
quantity = "10"
source = "spot"
target = "um"
[market]
start = "2025-10-10T20:50:00Z"
length = "00:00:20"
instruments = ["spot:BTCUSDT", "um:BTCUSDT"]
source = "chosen"
[market.paths.BTC]
first = 100000
knots = [["00:00:00", 1.0], ["00:00:20", 0.7]]
volatility = 0.6
index = 1.0
[market.paths.ETH]
knots = [["00:00:00", 1.0]]
[market.basis]
"um:BTCUSDT" = [["00:00:00", 0.0], ["00:00:15", -0.01]]
[market.correlation]
"BTC ETH" = 0.8
[market.filters."um:BTCUSDT"]
tick = "0.1"
lot = "0.001"
[[people]]
name = "retail"
share = 1.0
wealth = {law = "pareto", least = 500, alpha = 1.2, most = 5000000}
collateral = {USDT = 0.7, BTC = 0.3}
side = {long = 0.8}
instruments = ["um:BTCUSDT"]
futures = 0.5
leverage = {5 = 0.3, 10 = 0.5, 20 = 0.2}
entry = {law = "normal", sigma = 0.02, least = -0.1, most = 0.1}
hedge = {share = 0.2, by = "spot", ratio = 1.0}
[impact]
profile = "constant"
depth = 1000000
feedback = false
resilience = "exponential"
half_life = "00:00:05"
scale = {"00:00:00" = 1, "00:00:10" = 0.1}
[impact.own_weight]
BTC = 0.5
[rules]
"unified.ladder.target" = 1.6
[insurance_fund]
capacity = 1.0
"""

ALONE = """
mode = "separated"
strategies = ["market_maker"]
volatility = {BTC = "0.5"}
bnb_fees = true
position_mode = "hedge"
margin_leverage = 5
multi_assets = true
latency = "sampled:5:0.4"
end = "2025-10-10T20:50:10Z"
[deposits]
USDT = 100000
BTC = "1.5"
[market]
start = 2025-10-10T20:50:00Z
length = 00:00:20
instruments = ["um:BTCUSDT"]
source = "chosen"
[market.paths.BTC]
first = 100000
knots = [["00:00:00", 1.0], ["00:00:20", 0.7]]
"""

VARIED = (
    ALONE.replace('volatility = {BTC = "0.5"}\n', "")
    + """
[[variants]]
name = "one"
[[variants]]
name = "two"
market.paths.BTC.first = 5
seed = 3
"""
)


@cache
def scenarios() -> tuple[bytes, ...]:
    """Return the scenarios that come with the package, and small ones with every table."""
    folder = Path(simulator.scenarios.__path__[0])
    found = [path.read_bytes() for path in sorted(folder.glob("*.toml"))]
    return (*found, TINY.encode(), ALONE.encode(), VARIED.encode())


@cache
def small_scenarios() -> tuple[bytes, ...]:
    alone = ALONE.replace('volatility = {BTC = "0.5"}\n', "").replace("bnb_fees = true\n", "")
    alone = alone.replace('BTC = "1.5"\n', "").replace("multi_assets = true\n", "")
    return (TINY.encode(), alone.encode())


def _scenario(data: bytes, folder: Path) -> None:
    path = folder / "mine.toml"
    path.write_bytes(data)
    load_scenario(str(path))


def _run_scenario(data: bytes, folder: Path) -> None:
    """Run a scenario as the command does, as long as it is short."""
    path = folder / "mine.toml"
    path.write_bytes(data)
    os.environ["UNIMARGIN_CACHE"] = str(folder / "cache")
    found = load_scenario(str(path))
    for one in (found.variants or (found,))[:1]:
        if (one.market and one.market.length > 120) or one.accounts > 1000 or one.data:
            continue  # right, and too long for a test
        if any((group.count or 0) > 1000 for group in one.people):
            continue
        kinds = load_strategies(one, False)
        modes = ("separated", "unified") if one.mode == "both" else (one.mode,)
        make_engine(one, modes[-1], kinds, one.parameters).run(None)


# --- answers --------------------------------------------------------------------------------------


@cache
def sheets() -> tuple[bytes, ...]:
    first = bank()[0]
    return (b"b,d,a,b,c", f"{first.id}={first.answer}".encode(), b"")


def _quiz(data: bytes, folder: Path) -> None:
    del folder
    text = data.decode(errors="replace")
    if "=" in text:
        pairs = [part.partition("=") for part in text.split(",")]
        check_answers({name: choice for name, _, choice in pairs})
    else:
        answers_in_order(draw(0, 1, 1, 10), text.split(","))


TARGETS = (
    Target("margin", portfolios, _changed_document, _margin, 100),
    Target("advise", portfolios, _changed_document, _advise, 15),
    Target("what-ifs", lambda: tuple(m.encode() for m in MOVES), _changed_words, _what_if, 40),
    Target("rulebooks", rulebooks, _changed_toml, _rulebook, 40, raw=0.03),
    Target("scenarios", scenarios, _changed_toml, _scenario, 162, raw=0.03),
    Target("run scenarios", small_scenarios, _changed_toml, _run_scenario, 25, raw=0.01),
    Target("answers", sheets, _changed_words, _quiz, 50),
)
