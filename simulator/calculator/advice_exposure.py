"""What an account gains and loses with the market: by coin, hedged or not, in which products.

The exposure of a position or a balance is its change in value per change of its coin's price, in
USD for a move of 100 %, measured between the prices 1 % above and 1 % below::

    hedged           = 1 - |sum over all| / sum of |each|
    hedged in a coin = 1 - sum over coins |sum over the coin| / sum of |each|

The first holds where all coins move together, the second where they do not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from simulator.accounts.wallets import LINES
from simulator.calculator.advice_sides import CENT, Side, side
from simulator.calculator.contracts import WALLET, contracts
from simulator.calculator.document import Document
from simulator.calculator.prices import USD_PEGGED, market
from simulator.calculator.rules import Rules
from simulator.calculator.what_if import Moves, moved
from simulator.risk.state import ZERO

STEP = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Exposure:
    """``by_coin``: net exposure, USD, those with the largest size first; shares from 0 to 1."""

    by_coin: Mapping[str, Decimal]
    gross: Decimal
    hedged: Decimal
    hedged_in_coin: Decimal

    @property
    def net(self) -> Decimal:
        """Exposure if all coins move together, USD."""
        return sum(self.by_coin.values(), ZERO)

    @property
    def largest(self) -> tuple[str, Decimal]:
        """Coin of the largest net exposure and its share of all coins'; ("", 0) without any."""
        sizes = {coin: abs(usd) for coin, usd in self.by_coin.items()}
        whole = sum(sizes.values(), ZERO)
        if whole <= CENT:
            return "", ZERO
        coin = max(sizes, key=lambda name: sizes[name])
        return coin, sizes[coin] / whole


def coins(document: Document) -> list[str]:
    """Return the assets of a document whose price moves: all but USD and what is held at it."""
    index = market(document, contracts(document)).index
    return [asset for asset in index if asset != "USD" and asset not in USD_PEGGED]


def exposure(document: Document, separated: Rules) -> Exposure:
    """Return the exposure of an account; ``separated`` are the rules of that mode, whose wallets
    are the legs.
    """
    names = coins(document)
    legs: dict[tuple[str, str, str], Decimal] = {}
    for sign in (1, -1):
        moves = Moves(price={name: (1 + sign * STEP, None) for name in names})
        for leg, value in _legs(side(moved(document, moves), separated)):
            legs[leg] = legs.get(leg, ZERO) + sign * value / (2 * STEP)
    by_coin: dict[str, Decimal] = {}
    for (_, _, coin), usd in legs.items():
        by_coin[coin] = by_coin.get(coin, ZERO) + usd
    net = {coin: usd for coin, usd in by_coin.items() if abs(usd) > CENT}
    gross = sum((abs(usd) for usd in legs.values()), ZERO)
    return Exposure(
        by_coin=dict(sorted(net.items(), key=lambda one: -abs(one[1]))),
        gross=gross,
        hedged=_share(sum(net.values(), ZERO), gross),
        hedged_in_coin=_share(sum((abs(usd) for usd in net.values()), ZERO), gross),
    )


def _share(net: Decimal, gross: Decimal) -> Decimal:
    return max(1 - abs(net) / gross, ZERO) if gross > CENT else ZERO


def _legs(held: Side) -> Iterator[tuple[tuple[str, str, str], Decimal]]:
    """Yield (wallet, what, coin) of every balance and position with its value in USD."""
    index = held.held.market.index
    for asset, amount in held.held.outside.items():
        yield ("spot", asset, asset), amount * index.get(asset, ZERO)
    for pool in held.held.pools:
        state = pool.state
        for asset in dict.fromkeys((*state.assets, *state.loans, *state.interest)):
            owed = state.loans.get(asset, ZERO) + state.interest.get(asset, ZERO)
            own = state.assets.get(asset, ZERO) - owed
            yield (pool.name, asset, asset), own * index.get(asset, ZERO)
        for position in state.positions:
            # Two legs of one contract are two: a hedge within the contract is a hedge.
            what = f"{position.symbol} {'long' if position.quantity > 0 else 'short'}"
            usd = position.value * index[position.settle]
            yield (pool.name, what, position.underlying), usd


def products(document: Document) -> tuple[str, ...]:
    """Return the products of an account: those of its positions, ``spot`` where it holds coins of
    its own in any wallet, ``margin`` where it owes.
    """
    known = contracts(document)
    found: set[str] = {
        WALLET[known[held.instrument].product] for held in document.positions if held.quantity
    }
    for wallet in document.balances.wallets().values():
        for asset, held in wallet.items():
            if held.loan or held.interest:
                found.add("margin")
            moves = asset != "USD" and asset not in USD_PEGGED
            if moves and held.asset > held.loan + held.interest:
                found.add("spot")
    return tuple(name for name in LINES if name in found)
