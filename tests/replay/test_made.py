"""Goal: a market made from knots is what its description says, on every machine the same.

Method: prices at the knots are the knots', noise has the volatility and the correlation asked for,
a path does not depend on its neighbours, the tape plays like any other; mistakes are one line.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from pydantic import ValidationError

from simulator import Simulation
from simulator.errors import InputError
from simulator.market.read import TapeReader
from simulator.market.tape import Kind
from simulator.replay.made import MadeMarket
from simulator.replay.making import YEAR_S, made_tape, paths, rows
from simulator.replay.player import Player

FALL = [["00:00:00", 1.0], ["00:20:00", 0.9], ["00:30:00", 0.95]]


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNIMARGIN_CACHE", str(tmp_path / "cache"))


def market(**changed: Any) -> MadeMarket:
    fields: dict[str, Any] = {
        "start": "2025-10-10T20:50:00Z",
        "length": "00:30:00",
        "instruments": ["spot:BTCUSDT", "um:BTCUSDT", "cm:BTCUSD_PERP"],
        "source": "chosen for this test",
        "paths": {"BTC": {"first": 100_000, "knots": FALL, "volatility": 0.8}},
    }
    return MadeMarket(**{**fields, **changed})


def prices(frame: pl.DataFrame, number: int, kind: Kind = Kind.TRADE) -> np.ndarray:
    mine = (pl.col("instrument") == number) & (pl.col("kind") == int(kind))
    return frame.filter(mine)["price"].to_numpy()


def test_price_at_a_knot_is_the_knots() -> None:
    at = prices(rows(market(), 3), 1)[[0, 1200, 1800]]
    assert at.tolist() == [1_000_000, 900_000, 950_000]  # ticks of 0.1


def test_noise_between_knots_has_the_volatility_asked_for() -> None:
    quiet = market(paths={"BTC": {"first": 100_000, "volatility": 0.8}}, length="24:00:00")
    moves = np.diff(np.log(paths(quiet, 1)["BTC"]))
    # 86,400 draws: the standard error of their deviation is 0.24 %.
    assert moves.std() * np.sqrt(YEAR_S) == pytest.approx(0.8, rel=0.01)
    assert abs(moves.mean()) < 4 * moves.std() / np.sqrt(moves.size)


def test_without_volatility_the_path_is_straight() -> None:
    straight = paths(market(paths={"BTC": {"knots": FALL}}), 0)["BTC"]
    assert straight[600] == pytest.approx(0.95)
    assert straight[1500] == pytest.approx(0.925)


def test_correlation_changes_at_its_knots() -> None:
    two = {name: {"first": 1000, "volatility": 0.8} for name in ("BTC", "ETH")}
    broken = {"BTC ETH": [["00:00:00", 0.9], ["05:00:00", 0.9], ["05:00:01", -0.5]]}
    made = market(
        instruments=["um:BTCUSDT", "um:ETHUSDT"], paths=two, correlation=broken, length="10:00:00"
    )
    found = paths(made, 5)
    moves = np.stack([np.diff(np.log(found[name])) for name in ("BTC", "ETH")])
    # 18,000 draws each half: the standard error is below 0.0075.
    assert np.corrcoef(moves[:, :17_999])[0, 1] == pytest.approx(0.9, abs=0.03)
    assert np.corrcoef(moves[:, 18_001:])[0, 1] == pytest.approx(-0.5, abs=0.03)


def test_a_path_does_not_depend_on_its_neighbours_or_the_seed_of_another() -> None:
    alone = paths(market(), 7)["BTC"]
    both = {"BTC": market().paths["BTC"], "ADA": {"volatility": 1.0}}
    assert np.array_equal(paths(market(paths=both), 7)["BTC"], alone)
    assert not np.array_equal(paths(market(), 8)["BTC"], alone)


def test_rows_are_the_same_on_every_machine() -> None:
    frame = rows(market(), 0)
    digest = hashlib.sha256()
    for name in ("time_ns", "instrument", "kind", "side", "price", "quantity"):
        digest.update(frame[name].cast(pl.Int64).to_numpy().tobytes())
    assert digest.hexdigest() == DIGEST


DIGEST = "8fcfe4ee22c436b7a550437ca227c4485246dfff78ab8a2da63dba4cedf893ed"
"""Of the rows above.  Another value means other runs of every scenario with a made market."""


def test_basis_and_quote_assets_move_the_price() -> None:
    made = market(
        instruments=["spot:BTCUSDC", "um:BTCUSDT"],
        paths={
            "BTC": {"first": 100_000},
            "USDC": {"knots": [["00:00:00", 1.0], ["00:30:00", 0.8]]},
        },
        basis={"um:BTCUSDT": [["00:00:00", 0.0], ["00:30:00", -0.01]]},
    )
    frame = rows(made, 0)
    assert prices(frame, 0)[-1] == 12_500_000  # 100,000 / 0.8 in ticks of 0.01
    assert prices(frame, 1)[[0, -1]].tolist() == [1_000_000, 990_000]


def test_index_rows_tell_what_an_asset_is_worth_elsewhere() -> None:
    made = market(
        instruments=["spot:USDEUSDT"],
        filters={"spot:USDEUSDT": {"tick": "0.0001", "lot": "1"}},
        paths={"USDE": {"knots": [["00:00:00", 1.0], ["00:30:00", 0.66]], "index": 1.0}},
    )
    frame = rows(made, 0)
    assert set(prices(frame, 0, Kind.INDEX).tolist()) == {10**8}
    assert prices(frame, 0)[-1] == 6600
    run = Simulation(data=made_tape(made, 0), mode="unified", strategies=[])
    run.run()
    assert run.core.pools.index_price(run.assets.index("USDE")) == 1.0


def test_the_first_and_the_last_second_that_a_market_may_start() -> None:
    for start, said in ((0, 0), ("2199-12-31T23:59:59Z", 7_258_118_399 * 10**9)):
        assert market(start=start).start == said
        assert rows(market(start=start), 0)["time_ns"][0] == said


def test_prints_are_of_the_notional_asked_for() -> None:
    frame = rows(market(print_notional=50_000), 0).filter(pl.col("time_ns") == market().start)
    assert frame["quantity"].to_list() == [50_000, 500, 500]  # lots of 1e-5, 1e-3, 100 USD


def test_tape_is_kept_and_plays_like_any_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNIMARGIN_CACHE", str(tmp_path))  # nobody else makes it meanwhile
    tape = made_tape(market(), 0)
    written = tape.stat().st_mtime_ns
    assert made_tape(market(), 0) == tape
    assert tape.stat().st_mtime_ns == written
    assert made_tape(market(), 1) != tape
    manifest = TapeReader(tape).manifest
    assert manifest.notes == ["MADE from knots, seed 0: no row was ever traded", market().source]
    assert [one.rows for one in manifest.instruments] == [{"TRADE": 1801}] * 3
    player = Player([tape])
    assert player.span == (market().start, market().start + 1800 * 10**9)
    kinds = np.concatenate([block.kind for block in player.blocks()])
    assert (kinds == Kind.DEPTH).any()
    run = Simulation(data=tape, mode="separated", strategies=[])
    run.run()
    # A future's mark follows its index, the spot book's mid.
    assert run.core.pools.mark_price(1) == pytest.approx(95_000, rel=1e-4)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"lenght": "00:30:00"}, "no such key 'lenght'; known: start, length"),
    ({"paths": {"BTC": 100_000}}, "must be a table with first, knots"),
    ({"length": "30 minutes"}, "is not hours:minutes:seconds"),
    ({"length": "00:00:00"}, "length: must be between"),
    ({"start": "yesterday"}, "must be like 2025-10-10T20:50:00Z"),
    ({"start": "2200-01-01T00:00:00Z"}, "must be from 1970 to 2199"),
    ({"start": "1969-12-31T23:59:59Z"}, "must be from 1970 to 2199"),
    ({"start": 2**63}, "must be from 1970 to 2199"),
    ({"instruments": ["um:ETHUSDT"]}, "none for ETH, the base asset of um:ETHUSDT"),
    ({"instruments": ["spot:BTCUSDT"] * 2}, "named twice"),
    (
        {"instruments": ["spot:USDEUSDT"]},
        'give its tick and lot in [market.filters."spot:USDEUSDT"]',
    ),
    ({"instruments": ["option:BTC-251226-100000-C"]}, "options cannot be made"),
    ({"instruments": ["BTCUSDT"]}, "must be spot:SYMBOL"),
    ({"paths": {"BTC": {"knots": [["00:01:00", 1.0]]}}}, "first knot must stand at 00:00:00"),
    ({"paths": {"BTC": {"knots": FALL[:2] + FALL[:1]}}}, "knot 3 must stand after knot 2"),
    ({"paths": {"BTC": {"knots": [["00:00:00", "1"]]}}}, "knot 1: '1' is not a number"),
    ({"paths": {"BTC": {"knots": [["00:00:00"]]}}}, "knot 1 must be [offset, value]"),
    ({"paths": {"BTC": {"knots": []}}}, "at least one knot"),
    ({"paths": {"BTC": {"knots": -1.0}}}, "every price must be above 0"),
    ({"paths": {"BTC": {"volatility": -1.0}}}, "volatility: must be annual"),
    ({"paths": {"BTC": {"knots": [["00:00:00", 1], ["01:00:00", 2]]}}}, "after the end"),
    ({"basis": {"um:ETHUSDT": 0.0}}, "basis.um:ETHUSDT: not among the instruments"),
    ({"correlation": {"BTC ETH": 0.5}}, "must name two of the paths"),
    ({"filters": {"um:BTCUSDT": {"tick": "1e-5", "lot": "1e-5"}}}, "multiple of 1e-8"),
]


@pytest.mark.parametrize(("changed", "said"), WRONG, ids=[said for _, said in WRONG])
def test_a_mistake_is_said_in_one_line(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        market(**changed)
    message = caught.value.errors()[0]["msg"]
    assert said in message
    assert "\n" not in message


def test_noises_that_cannot_be_correlated_so_are_refused() -> None:
    three = {name: {"first": 10, "volatility": 0.5} for name in ("BTC", "ETH", "ADA")}
    made = market(paths=three, correlation={"BTC ETH": 0.9, "BTC ADA": 0.9, "ETH ADA": -0.9})
    with pytest.raises(InputError, match="no noises can be correlated so"):
        rows(made, 0)


def test_a_price_below_a_tick_is_refused() -> None:
    sunk = market(paths={"BTC": {"knots": [["00:00:00", 100.0], ["00:30:00", 0.001]]}})
    with pytest.raises(InputError, match=r"spot:BTCUSDT costs 0\.00\d+ after 1800 s"):
        rows(sunk, 0)
