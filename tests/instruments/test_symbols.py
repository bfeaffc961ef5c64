"""Goal: a symbol tells assets, expiry, strike and right, and a wrong one is refused by name.

Method: tables; the instants are those of ``date -u -d '2026-12-25 08:00' +%s``.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from simulator.errors import InputError
from simulator.instruments.catalogue import instrument
from simulator.instruments.instrument import Instrument

DECEMBER = 1_798_185_600 * 10**9
"""2026-12-25 08:00 UTC."""

ONE = Decimal(1)

TOLD = [
    # name, base, quote, settle, product, contract size, expiry, strike, right
    ("spot:BTCUSDT", "BTC", "USDT", "USDT", 0, 1, 0, 0, ""),
    ("um:ETHUSDT", "ETH", "USDT", "USDT", 1, 1, 0, 0, ""),
    ("um:BTCUSDT_261225", "BTC", "USDT", "USDT", 1, 1, DECEMBER, 0, ""),
    ("cm:BTCUSD_PERP", "BTC", "USD", "BTC", 2, 100, 0, 0, ""),
    ("cm:ETHUSD_261225", "ETH", "USD", "ETH", 2, 10, DECEMBER, 0, ""),
    ("option:BTC-261225-50000-C", "BTC", "USDT", "USDT", 3, 1, DECEMBER, 50000, "C"),
    ("option:DOGE-261225-0.125-P", "DOGE", "USDT", "USDT", 3, 1, DECEMBER, "0.125", "P"),
]


@pytest.mark.parametrize(
    ("name", "base", "quote", "settle", "product", "size", "expiry", "strike", "right"), TOLD
)
def test_what_a_symbol_tells(
    name: str,
    base: str,
    quote: str,
    settle: str,
    product: int,
    size: int,
    expiry: int,
    strike: str,
    right: str,
) -> None:
    found, _ = instrument(name, Decimal(0), Decimal(0))
    assert (found.base, found.quote, found.settle) == (base, quote, settle)
    assert (found.product, found.contract_size, found.expiry_ns) == (product, size, expiry)
    assert (found.strike, found.right) == (Decimal(strike), right)
    assert found.perpetual == (product in (1, 2) and expiry == 0)


def test_a_delivery_future_has_the_filters_of_its_perpetual() -> None:
    future, source = instrument("cm:BTCUSD_261225", Decimal(0), Decimal(0))
    perpetual, _ = instrument("cm:BTCUSD_PERP", Decimal(0), Decimal(0))
    assert (future.tick, future.lot) == (perpetual.tick, perpetual.lot)
    assert source.startswith("cm:BTCUSD_PERP in ")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("option:BTCUSDT", "BTC-261225-50000-C"),
        ("option:BTC-261225-50000-X", "BTC-261225-50000-C"),
        ("option:BTC-261325-50000-C", "261325 is no day"),
        ("um:BTCUSDT_260230", "260230 is no day"),
        ("swap:BTCUSDT", "must be spot:SYMBOL"),
    ],
)
def test_wrong_symbols_are_refused(name: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        instrument(name, ONE, ONE)


def test_terms_that_are_given_stand() -> None:
    own = Instrument("um", "BTCUSDT", "BTC", "USDT", ONE, ONE, expiry_ns=5)
    assert own.expiry_ns == 5
    assert not own.perpetual


def test_an_option_needs_strike_and_right() -> None:
    with pytest.raises(ValueError, match="strike and right"):
        Instrument("option", "X", "BTC", "USDT", ONE, ONE, expiry_ns=5)
