"""Goal: a scenario file may hold its market; its variants change it, its mistakes are one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator.cli.run import make_engine
from simulator.cli.scenario import load_scenario
from simulator.errors import InputError

TEXT = """
seed = 4
strategies = ["cash_and_carry"]

[market]
start = 2025-10-10T20:50:00Z
length = 00:10:00
instruments = ["spot:BTCUSDT", "um:BTCUSDT"]
source = "chosen for this test"

[market.paths.BTC]
first = 100_000
knots = [["00:00:00", 1.0], ["00:10:00", 0.9]]

[[variants]]
name = "as it is"

[[variants]]
name = "deeper"
market.paths.BTC.knots = [["00:00:00", 1.0], ["00:10:00", 0.8]]
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("UNIMARGIN_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "made.toml"
    path.write_text(TEXT)
    return path


def test_made_market_is_run_and_changed_by_a_variant(file: Path) -> None:
    scenario = load_scenario(str(file))
    lows = []
    for one in scenario.variants:
        engine = make_engine(one, "unified", [], {})
        engine.run(None)
        lows.append(engine.core.pools.mark_price(1))  # type: ignore[attr-defined]
    assert lows == pytest.approx([90_000, 80_000], rel=1e-4)


def test_data_of_a_made_market_are_its_scenario(file: Path) -> None:
    result = make_engine(load_scenario(str(file)).variants[0], "unified", [], {}).run(None)
    assert result.data == ("[market] of made.toml",)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("00:10:00\n", '"soon"\n', "market.length: 'soon' is not hours:minutes:seconds"),
        ("source =", "sauce =", "market: no such key 'sauce'; known: start"),
        ("first = 100_000", "first = -1", "market.paths.BTC.first: Input should be greater than 0"),
        ("um:BTCUSDT", "um:ETHUSDT", "market: paths: none for ETH"),
        ("seed = 4", 'data = ["x"]', "data and [market]: give one of them"),
    ],
)
def test_a_mistake_names_file_and_field(file: Path, old: str, new: str, said: str) -> None:
    file.write_text(TEXT.replace(old, new, 1))
    with pytest.raises(InputError) as caught:
        load_scenario(str(file))
    assert str(caught.value).startswith("scenario made.toml: ")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
