"""Goal: a run can start from a portfolio document, and holds then what the calculator says.

Method: open accounts of several products on a bundled hour; compare every pool's equity with the
report of the same document; run to the end, where the venue's invariants are checked.
"""

from __future__ import annotations

from typing import Any

import pytest

from simulator import InputError, Simulation, margin

pytestmark = pytest.mark.hours

ACCOUNT: dict[str, Any] = {
    "prices": {
        "index": {"USDT": 1, "BTC": 61000, "ETH": 2680},
        "mark": {"BTCUSDT": 61100, "ETHUSDT": 2681, "BTCUSD_PERP": 61050},
    },
    "balances": {
        "spot": {"USDT": 1000},
        "margin": {"USDT": {"asset": 500, "loan": 200, "interest": "0.5"}},
        "um": {"USDT": 50000},
        "cm": {"BTC": "0.25"},
    },
    "positions": [
        {"instrument": "BTCUSDT", "quantity": "-0.5", "entry_price": "60123.456", "leverage": 10},
        {"instrument": "ETHUSDT", "quantity": 2, "entry_price": 2700},
        {"instrument": "BTCUSD_PERP", "quantity": 100, "entry_price": 60500},
    ],
}


def simulation(mode: str = "separated", rulebook: str = "textbook", **values: Any) -> Simulation:
    return Simulation(
        data="bundled:calm", mode=mode, rulebook=rulebook, account={**ACCOUNT, **values}
    )


@pytest.mark.parametrize("rulebook", ["textbook", "binance"])
@pytest.mark.parametrize("mode", ["separated", "unified"])
def test_pools_begin_as_the_calculator_says(mode: str, rulebook: str) -> None:
    made = simulation(mode, rulebook)
    made._open()
    report = margin(ACCOUNT, mode=mode, rulebook=rulebook)
    index = {"USD": 1.0, "BTC": 61000.0}
    wanted = {pool.pool: pool.account_equity * index[pool.currency] for pool in report.pools}
    pools = made.core.pools
    found = {
        name: float(pools.equity_of(number))
        for number, (name, _, _) in enumerate(made.partition.pools)
        if name in wanted
    }
    # The ledger keeps a coin-margined cost to 1e-8 of the coin.
    assert found == pytest.approx(wanted, abs=0.002)
    assert made.desk.account_equity() == pytest.approx(report.total.equity, abs=0.002)
    made.check()


def test_isolated_wallets_and_hedge_legs() -> None:
    legs = [
        {"instrument": "BTCUSDT", "quantity": "0.2", "entry_price": 60000, "isolated_wallet": 3000},
        {
            "instrument": "BTCUSDT",
            "quantity": "-0.1",
            "entry_price": 60000,
            "isolated_wallet": 2000,
        },
    ]
    made = simulation(positions=legs)
    made._open()
    names = [name for name, _, _ in made.partition.pools]
    equity = [float(made.core.pools.equity_of(number)) for number in range(len(names))]
    held = dict(zip(names, equity, strict=True))
    assert held["um:BTCUSDT"] == pytest.approx(3000 + 0.2 * 1100)
    assert held["um:BTCUSDT:SHORT"] == pytest.approx(2000 - 0.1 * 1100)
    made.check()


@pytest.mark.parametrize("mode", ["separated", "unified"])
def test_a_run_from_a_document_ends_well(mode: str) -> None:
    linear = ACCOUNT["positions"][:2]
    made = simulation(mode, positions=linear)
    result = made.run()  # checks the invariants at the end
    assert (result.summary.fills, result.summary.liquidations) == (0, 0)
    assert [made.core.ledger.position_of(1, number)[0] < 0 for number in (2, 3)] == [True, False]
    assert simulation(mode, positions=linear).run().digest == result.digest


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"positions": [{"instrument": "BTCUSDT_261225", "quantity": 1}]}, "the data have no um:BTC"),
    ({"positions": [{"instrument": "BTCUSDT", "quantity": "0.00001"}]}, "multiple of"),
    ({"balances": {"spot": {"DOGE": 0}}}, "the data know only"),
    ({"balances": {"options": {"USDT": 5}}}, "this run has no wallet options"),
    (
        {
            "positions": [
                {"instrument": "BTCUSDT", "quantity": 1, "isolated_wallet": 5},
                {"instrument": "ETHUSDT", "quantity": 1},
            ]
        },
        "all isolated or all cross",
    ),
]


@pytest.mark.parametrize(("values", "message"), WRONG, ids=[message for _, message in WRONG])
def test_what_a_run_cannot_hold_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as raised:
        simulation(**values).run()
    assert message in str(raised.value)


def test_account_or_deposits() -> None:
    with pytest.raises(InputError, match="account and deposits: give one of them"):
        Simulation(data="bundled:calm", mode="unified", account=ACCOUNT, deposits={"USDT": 5})
