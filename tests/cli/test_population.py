"""Goal: a scenario's population, impact and variants are read as written, a mistake is one line
that names its place, and the command line runs them.

Method: one file with everything, then with one thing changed; the commands in process on a small
crowd over a made market of a minute.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from simulator.cli.main import run_command
from simulator.cli.scenario import Scenario, load_scenario
from simulator.cli.variants import laid_over
from simulator.errors import InputError
from simulator.market.liquidity import Impact, Liquidity

MARKET = """
[market]
start = "2025-10-10T20:50:00Z"
length = "00:01:00"
instruments = ["spot:BTCUSDT", "um:BTCUSDT"]
source = "Made for a test"
[market.paths.BTC]
knots = [["00:00:00", 100000], ["00:00:40", 94000], ["00:01:00", 94000]]
"""

FILE = """
accounts = 60
[[people]]
name = "longs"
share = 0.75
wealth = {law = "pareto", least = 5000, alpha = 1.2, most = 100_000}
instruments = ["um:BTCUSDT"]
leverage = {5 = 0.5, 9 = 0.5}
[[people]]
name = "shorts"
share = 0.25
wealth = 10_000
instruments = ["um:BTCUSDT"]
leverage = 3
side = "short"
[impact]
depth = 5e6
scale = {"00:00:00" = 1, "00:00:30" = 0.5}
[impact.books."um:BTCUSDT"]
depth = 1e7
half_life = "00:02:00"
[impact.own_weight]
BTC = 0.5
[liquidation]
partial = "whole"
"""

VARIANTS = """
[[variants]]
name = "as it is"
[[variants]]
name = "thin"
impact.depth = 1e5
impact.books."um:BTCUSDT".depth = 2e5
[[variants]]
name = "calm"
accounts = 20
people.longs.leverage = 2
[[variants]]
name = "half"
people.shorts = {leverage = {2 = 0.5, 3 = 0.5}, side = {long = 0.5}}
"""


def scenario(tmp_path: Path, text: str, market: str = MARKET, top: str = "") -> str:
    path = tmp_path / "mine.toml"
    path.write_text(top + text + market, encoding="utf-8")
    return str(path)


def test_file_is_read_as_written(tmp_path: Path) -> None:
    found = load_scenario(scenario(tmp_path, FILE))
    assert [group.name for group in found.people] == ["longs", "shorts"]
    assert found.strategies == ()
    assert found.overrides == {"liquidation": {"partial": "whole"}}
    assert found.impact is not None
    scale = ((0, 1.0), (30 * 10**9, 0.5))
    assert found.impact.plain() == Impact(
        books={"um:BTCUSDT": Liquidity(depth=1e7, half_life_ns=120 * 10**9, scale=scale)},
        other=Liquidity(depth=5e6, scale=scale),
        own_weight={"BTC": 0.5},
    )


def test_variants_are_the_file_with_their_values(tmp_path: Path) -> None:
    found = load_scenario(scenario(tmp_path, FILE + VARIANTS))
    plain, thin, calm, half = found.variants
    assert [one.variant for one in found.variants] == ["as it is", "thin", "calm", "half"]
    assert {one.name for one in found.variants} == {"mine"}
    same = {"variant", "variants"}
    assert plain.model_dump(exclude=same) == found.model_dump(exclude=same)
    assert thin.impact is not None
    books = thin.impact.plain()
    assert (books.other.depth, books.of("um:BTCUSDT").depth) == (1e5, 2e5)
    assert books.of("um:BTCUSDT").half_life_ns == 120 * 10**9
    assert calm.accounts == 20
    assert calm.people[0].leverage.span == (2, 2)  # type: ignore[union-attr]
    assert calm.people[1] == found.people[1]
    assert half.people[1].leverage.span == (2, 3)  # type: ignore[union-attr]
    assert half.people[1].side.long == 0.5


def test_a_law_is_replaced_whole() -> None:
    base = {"leverage": {"5": 0.5, "10": 0.5}, "wealth": {"law": "pareto", "least": 1}}
    over = {"leverage": {"3": 1}, "wealth": {"law": "uniform", "least": 1, "most": 2}}
    assert laid_over(base, over) == over
    assert base["leverage"] == {"5": 0.5, "10": 0.5}


WRONG = [
    ("share = 0.75", "shre = 0.75", "people 1 (longs): no such key 'shre' (did you mean 'share'?)"),
    ("share = 0.75", "share = 0.7", "people: shares of the groups must add up to 1, not 0.95"),
    ("share = 0.75", "count = 5\nshare = 0.7", "people 1 (longs): give share"),
    ("accounts =", "acounts =", "acounts: no such key (did you mean 'accounts'?)"),
    ('"shorts"', '"longs"', "people: longs: two groups have this name"),
    ('"pareto"', '"paretto"', "people 1 (longs): wealth: no such law 'paretto'"),
    ("5000", "-5", "people 1 (longs): wealth: least: Input should be greater than 0"),
    ("wealth = 10_000", "wealth = 0", "people 2 (shorts): wealth: must lie above 0"),
    ("leverage = 3", "leverage = 2000", "leverage: must lie between 0 and 1000"),
    ("leverage = 3\n", "\n", "people 2 (shorts): leverage: is missing"),
    ("5 = 0.5", "5 = 0.4", "people 1 (longs): leverage: shares must add up to 1, not 0.9"),
    ('"short"', '"down"', "people 2 (shorts): side: must be long, short or shares"),
    ('"um:BTCUSDT"]\nleverage = 3', '"spot:BTCUSDT"]\nleverage = 3', "spot:BTCUSDT: accounts of a"),
    ("leverage = 3", 'leverage = 3\nhedge = {by = "spot"}', "futures: must leave a share"),
    ("leverage = 3", 'leverage = 3\nhedge = {by = "BTC"}', "hedge: by: must be spot or a contract"),
    ("leverage = 3", 'leverage = 3\nmode = "pool"', "mode: must be run, separated, unified or"),
    ("leverage = 3", "leverage = 3\nmode = {unified = 3}", "a share of 0 to 1, as {unified = 0.3}"),
    ("leverage = 3", 'leverage = 3\nloan = {into = "BTC"}', "people 2 (shorts): loan: amount"),
    ("leverage = 3", "leverage = 3\nfutures = 1.5", "futures: must lie between 0 and 1"),
    ("leverage = 3", "leverage = 3\ncollateral = {BTC = 0.5}", "collateral: shares must add up"),
    ("[[people]]", "[people]", "not valid TOML"),
    ("depth = 5e6", "depht = 5e6", "impact: no such key 'depht' (did you mean 'depth'?)"),
    ("depth = 1e7", "depth = 0", "impact.books.um:BTCUSDT.depth: Input should be greater than 0"),
    ('"00:00:30"', '"30s"', "'30s' is not hours:minutes:seconds"),
    ('"00:00:30" = 0.5', '"00:00:30" = 0', "impact.scale: a factor must be above 0, not 0"),
    ("accounts = 60", 'accounts = 60\npopulation = "x.parquet"', "people and population: give one"),
    ("impact.depth = 1e5", "impact.detph = 1", "variant thin: impact: no such key 'detph'"),
    ("people.longs.leverage", "people.long.leverage", "none is named 'long' (did you mean 'longs'"),
    ('name = "thin"\n', "", "variant 2: name: must be a text of its own"),
    ('name = "thin"', 'name = "calm"', "variant 3: name: 'calm' is there already"),
    ('name = "thin"', 'name = "thin"\nvariants = []', "variant thin: variants: cannot be changed"),
]


@pytest.mark.parametrize(("old", "new", "said"), WRONG, ids=[new[:40] for _, new, _ in WRONG])
def test_what_is_wrong_is_told_with_its_place(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    text = FILE + VARIANTS
    assert old in text
    with pytest.raises(InputError) as caught:
        load_scenario(scenario(tmp_path, text.replace(old, new, 1)))
    message = str(caught.value)
    assert message.startswith("scenario mine.toml: ")
    assert said in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("top", "said"),
    [
        ("accounts = 5\n", "accounts: are divided among [[people]], and there are none"),
        ('variant = "x"\n', "leave out 'variant'"),
        ("variants = 3\n", "[[variants]]"),
    ],
)
def test_what_stands_alone_is_told(tmp_path: Path, top: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        load_scenario(scenario(tmp_path, "", top=top))
    assert said in str(caught.value)


def ran(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = run_command(list(arguments))
    shown = capsys.readouterr()
    return code, shown.out, shown.err


def test_every_variant_runs_in_every_mode(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = scenario(tmp_path, FILE + VARIANTS)
    code, out, err = ran(capsys, "run", name, "--accounts", "30", "--json", "--no-feedback-run")
    assert code == 0, err
    runs = json.loads(out)["runs"]
    assert [one["mode"] for one in runs] == ["separated", "unified"] * 4
    assert "mine, thin: separated and unified, rulebook textbook, 30 accounts" in err
    # What differs between variants shows; the books' depth only where something is closed.
    digests = [one["digest"] for one in runs]
    assert len({*digests[:2], *digests[4:]}) == 6


def test_same_seed_same_digest_and_another_seed_another(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = scenario(tmp_path, FILE)

    def digest(*more: str) -> Any:
        arguments = ("run", name, "--mode", "unified", "--json", "--no-feedback-run", *more)
        return json.loads(ran(capsys, *arguments)[1])["runs"][0]["digest"]

    assert digest() == digest()
    assert digest() != digest("--seed", "1")


def test_drawn_file_is_the_scenarios_population(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name, path = scenario(tmp_path, FILE), str(tmp_path / "crowd.parquet")
    code, out, err = ran(capsys, "population", "draw", name, "--accounts", "40", "--out", path)
    assert (code, out) == (0, "")
    assert "crowd.parquet: 40 accounts" in err
    assert pl.read_parquet(path).height == 40
    both = [
        json.loads(ran(capsys, "run", name, "--mode", "separated", "--json", *more)[1])["runs"][0]
        for more in (("--accounts", "40"), ("--population", path))
    ]
    assert both[0]["digest"] == both[1]["digest"]


def test_description_of_a_scenario_and_of_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name, path = scenario(tmp_path, FILE + VARIANTS), str(tmp_path / "crowd.parquet")
    assert ran(capsys, "population", "draw", name, "--out", path)[0] == 0
    documents = [
        json.loads(ran(capsys, "population", "describe", *what, "--json")[1])
        for what in ((name,), (path, "--scenario", name))
    ]
    assert documents[0]["groups"] == documents[1]["groups"]
    longs, shorts, both = documents[0]["groups"]
    assert (longs["accounts"], shorts["accounts"], both["accounts"]) == (45, 15, 60)
    assert longs["short"] == shorts["long"] == 0
    assert shorts["wealth"] == pytest.approx(150_000, abs=1)
    assert shorts["leverage"]["p50"] == pytest.approx(3, rel=0.05)
    code, out, _ = ran(capsys, "population", "describe", name, "--variant", "calm")
    assert code == 0
    assert "20" in out
    assert "0 at or below a margin call" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("run", "crash", "--accounts", "5"), "--accounts: scenario crash has no [[people]]"),
        (("run", "MINE", "--population", "no.parquet"), "population no.parquet: no such file"),
        (("run", "MINE", "--population", "x", "--accounts", "5"), "--accounts and --population"),
        (
            ("run", "crash", "--no-feedback-run"),
            "--no-feedback-run: scenario crash has no population",
        ),
        (("run", "COUNTS", "--accounts", "5"), "every group of scenario counts has a count"),
        (
            ("population", "draw", "MINE", "--out", "crowd.txt"),
            "--out crowd.txt: a population is a",
        ),
        (("population", "describe", "RICH"), "people: a: wealth: an account would have 1e+30 USDT"),
        (("run", "MINE", "--least-capital"), "--least-capital: is of a scenario without"),
        (("population", "draw", "crash", "--out", "x"), "scenario crash: has no [[people]]"),
        (("population", "describe", "MINE", "--variant", "x"), "--variant x: no such variant"),
        (("population", "describe", "MINE", "--mode", "x"), "--mode x: must be separated or"),
        (("population", "describe", "x.parquet"), "population x.parquet: no such file"),
        (("population", "describe", "MINE", "--scenario", "crash"), "--scenario: is of a Parquet"),
        (("population", "describe", "COUNTS", "--accounts", "5"), "every group of scenario counts"),
        (("population", "describe", "x.parquet", "--accounts", "5"), "a file has the accounts"),
    ],
    ids=str,
)
def test_wrong_use_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    own = {"MINE": scenario(tmp_path, FILE)}
    for name, wealth in (("counts", "5"), ("rich", "1e30")):
        path = tmp_path / f"{name}.toml"
        group = f'[[people]]\nname = "a"\ncount = 5\nwealth = {wealth}\n'
        path.write_text(group + MARKET, encoding="utf-8")
        own[name.upper()] = str(path)
    code, out, err = ran(capsys, *(own.get(one, one) for one in arguments))
    assert (code, out) == (2, "")
    assert err.splitlines()[-1].startswith("unimargin: ")
    assert said in err.splitlines()[-1]


def test_wrong_override_names_the_scenario(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = scenario(tmp_path, FILE.replace('partial = "whole"', 'partial = "some"'))
    code, _, err = ran(capsys, "run", name)
    assert code == 2
    assert "scenario mine: overrides: liquidation.partial" in err


def test_own_deposits_only_where_they_are_given(tmp_path: Path) -> None:
    assert "deposits" not in load_scenario(scenario(tmp_path, FILE)).model_fields_set
    given: Scenario = load_scenario(scenario(tmp_path, FILE + "[deposits]\nUSDT = 5\n"))
    assert "deposits" in given.model_fields_set


def test_accounts_that_begin_in_trouble_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "crowd.parquet"
    frame = {
        "id": [1, 2],
        "um:BTCUSDT.quantity": [1.0, 1.0],
        "um:BTCUSDT.entry": [100_000.0, 100_000.0],
        "um:BTCUSDT.margin": [8_000.0, 20_000.0],  # textbook calls at 10 % of the notional
    }
    pl.DataFrame(frame).write_parquet(path)
    name = scenario(tmp_path, FILE)
    arguments = ("run", name, "--mode", "separated", "--population", str(path), "--json")
    code, _, err = ran(capsys, *arguments)
    assert code == 0
    said = "1 of 2 accounts looked at begin at or below a margin call (separated)"
    assert err.count(said) == 1  # once, not again for the run without feedback


def test_brackets_of_the_users_words_are_no_markup(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "[[people]]" in ran(capsys, "population", "draw", "--help")[1]
    text = FILE.replace('"longs"', '"[bold]longs"') + '[[variants]]\nname = "[red]x"\n'
    name = scenario(tmp_path, text)
    assert "[bold]longs" in ran(capsys, "population", "describe", name)[1]
    _, out, _ = ran(capsys, "run", name, "--mode", "unified", "--no-feedback-run")
    assert out.count("[red]x unified") >= 2  # above the sentences, and above its column


def test_what_a_run_refuses_of_a_file_is_refused_in_its_description(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, name = tmp_path / "crowd.parquet", scenario(tmp_path, FILE)
    pl.DataFrame({"id": [1], "cm.BTC": [2.0]}).write_parquet(path)
    for arguments in (
        ("run", name, "--population", str(path)),
        ("population", "describe", str(path), "--scenario", name),
    ):
        code, out, err = ran(capsys, *arguments)
        assert (code, out) == (2, "")
        assert "balance.cm has BTC, and this run has no wallet cm:BTC" in err.splitlines()[-1]


@pytest.mark.filterwarnings("error")
def test_leverage_of_who_begins_without_equity(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "crowd.parquet"
    frame = {
        "id": [1, 2, 3],
        "um:BTCUSDT.quantity": [1.0, 1.0, 1.0],
        "um:BTCUSDT.entry": [100_000.0, 200_000.0, 200_000.0],
        "um:BTCUSDT.margin": [25_000.0, 10_000.0, 10_000.0],
    }
    pl.DataFrame(frame).write_parquet(path)
    name = scenario(tmp_path, "", top="")
    code, out, err = ran(capsys, "population", "describe", str(path), "--scenario", name, "--json")
    assert code == 0, err
    leverage = json.loads(out)["groups"][0]["leverage"]
    assert leverage["p5"] == pytest.approx(4, rel=1e-3)
    assert (leverage["p50"], leverage["p95"]) == (None, None)


def test_strategies_beside_a_population_are_told_that_they_have_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = scenario(tmp_path, FILE)
    options = ("--mode", "unified", "--no-feedback-run", "--strategy", "grid")
    said = "note: beside a population strategies begin with nothing"
    assert said in ran(capsys, "run", name, *options)[2]
    assert said not in ran(capsys, "run", name, *options, "--deposit", "USDT=5000")[2]
