"""Start an account from a portfolio document: wallets, loans and positions before the first event.

What the document says happened before: no money moves for a position, its cost is what the entry
price says, the market stands on the other side.  The document's prices hold until the tape brings
its own.  The account mode and the rulebook are the run's; ``time``, ``overrides`` and volatilities
of the document are not used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulator.accounts.wallets import CLEARING, Partition
from simulator.accounts.wallets import MARKET as MARKET_WALLET
from simulator.calculator.contracts import MARKET, contracts
from simulator.calculator.document import Document, Holding
from simulator.calculator.pools import Entry, merged
from simulator.calculator.prices import Market, market
from simulator.calculator.read import read
from simulator.errors import InputError
from simulator.instruments.instrument import Instrument

if TYPE_CHECKING:
    from simulator.exchange.desk import Desk

MARKET_ACCOUNT, ACCOUNT = 0, 1
E8 = 10**8
MOST = 10**9
"""Most whole units of an asset in a wallet; int64 holds 92 times that in 1e-8."""


@dataclass(frozen=True, slots=True)
class Opening:
    """A document fitted to the instruments of a run; ``positions`` by instrument number."""

    mode: str
    document: Document
    prices: Market
    listed: Sequence[Instrument]
    positions: tuple[tuple[int, Entry], ...]

    @property
    def margin_type(self) -> str | None:
        """``isolated`` or ``cross``, as the document's USD-M positions are; None without any, and
        in the unified mode.
        """
        if self.mode == "unified":
            return None
        apart = [e.isolated is not None for n, e in self.positions if self.listed[n].market == "um"]
        return ("isolated" if apart[0] else "cross") if apart else None

    @property
    def hedged(self) -> bool:
        """Whether the document has both sides of a contract."""
        numbers = [number for number, _ in self.positions]
        return len(set(numbers)) < len(numbers)

    def choices(
        self,
        margin_type: str | None,
        position_mode: str,
        margin_leverage: int | None,
        multi_assets: bool,
    ) -> tuple[str | None, str, int | None, bool]:
        """Return a run's choices, the document's where the run makes none."""
        return (
            margin_type or self.margin_type,
            "hedge" if self.hedged else position_mode,
            margin_leverage or self.document.margin_leverage,
            multi_assets or self.document.multi_assets,
        )

    def assets(self) -> list[str]:
        """Return the assets that wallets hold or owe."""
        wallets = self.document.balances.wallets().values()
        return list(dict.fromkeys(asset for wallet in wallets for asset in wallet))

    def leverage(self) -> dict[str, int]:
        """Return the leverage that positions name, by instrument; InputError for a fraction."""
        found = {}
        for number, entry in self.positions:
            leverage = entry.held.leverage
            if leverage is not None:
                if leverage != int(leverage):
                    raise InputError(f"{entry.where}.leverage: must be whole, not {leverage}")
                found[self.listed[number].name] = int(leverage)
        return found

    def book(self, desk: Desk, partition: Partition) -> None:
        """Write the account into the ledger; InputError for a wallet that the run does not have."""
        core = desk.core
        for number, one in enumerate(self.listed):
            if one.market != "spot" and one.symbol in self.prices.mark:
                core.pools.set_mark(number, float(self.prices.mark[one.symbol]))
        for asset, usd in self.prices.index.items():
            if asset in desk.assets:
                core.pools.set_index(desk.asset(asset), float(usd))
        for line, wallet in self.document.balances.wallets().items():
            for asset, held in wallet.items():
                name = f"cm:{asset}" if line == "cm" else line
                self._hold(desk, _wallet(partition, name, f"balances.{line}"), asset, held)
        for number, entry in self.positions:
            self._open(desk, partition, number, entry)
        desk.upkeep.check()

    def _hold(self, desk: Desk, wallet: int, asset: str, held: Holding) -> None:
        ledger, number = desk.core.ledger, desk.asset(asset)
        if held.loan:
            ledger.lend(desk.loans.lender, wallet, number, _units(held.loan))
        if held.interest:
            ledger.accrue(desk.loans.lender, wallet, number, _units(held.interest))
        # What was borrowed is part of what the wallet holds, or has been spent.
        own = _units(held.asset) - _units(held.loan)
        if own:
            desk.funds.begin_with(wallet, number, own)

    def _open(self, desk: Desk, partition: Partition, number: int, entry: Entry) -> None:
        one, ledger = self.listed[number], desk.core.ledger
        short = partition.hedge and entry.held.quantity < 0
        slot = number + (len(self.listed) if short else 0)
        if entry.isolated:
            asset = desk.asset(one.settle)
            desk.funds.begin_with(partition.margin[slot], asset, _units(entry.isolated))
        lots = int(entry.held.quantity / one.lot)
        price = entry.held.entry_price or self.prices.mark[one.symbol]
        # An average entry price lies between two ticks: so many lots at either.
        ticks = int((price / one.tick).to_integral_value(ROUND_FLOOR))
        above = round(abs(lots) * (price / one.tick - ticks))
        for size, at in ((abs(lots) - above, ticks), (above, ticks + 1)):
            if size:
                signed = size if lots > 0 else -size
                ledger.fill_position(ACCOUNT, slot, signed, at)
                realized = ledger.fill_position(MARKET_ACCOUNT, slot, -signed, at)
                if realized and one.market != "option":
                    # The market stands opposite a crowd already, and closed some of that.
                    ledger.move(CLEARING, MARKET_WALLET, desk.asset(one.settle), realized)


def opening(
    account: str | Path | Mapping[str, Any],
    listed: Sequence[Instrument],
    mode: str,
    margin_type: str | None,
) -> Opening:
    """Return a document fitted to a run's instruments.

    ``margin_type`` is the run's, None for as the document says.  Raises
    InputError for what the run cannot hold: an instrument that the tapes do not list, a quantity
    between two lots, isolated and cross positions side by side.
    """
    document = read(account)
    known = contracts(document)
    prices = market(document, known)
    numbers = {one.name: number for number, one in enumerate(listed)}
    assets = {"USDT", *(one.base for one in listed), *(one.settle for one in listed)}
    for line, wallet in document.balances.wallets().items():
        for asset, held in wallet.items():
            where = f"balances.{line}.{asset}"
            if asset not in assets:
                raise InputError(f"{where}: the data know only {', '.join(sorted(assets))}")
            if max(abs(held.asset), held.loan, held.interest) > MOST:
                raise InputError(f"{where}: must be at most {MOST:,}")
    found = []
    for entry in merged(document, known, []):
        name = f"{MARKET[entry.contract.product]}:{entry.contract.symbol}"
        if name not in numbers:
            raise InputError(
                f"{entry.where}: the data have no {name}; they have {', '.join(sorted(numbers))}"
            )
        one = listed[numbers[name]]
        if entry.held.quantity % one.lot:
            raise InputError(
                f"{entry.where}.quantity: must be a multiple of {one.lot:f}, "
                f"not {entry.held.quantity}"
            )
        if entry.isolated is not None and one.market != "um":
            raise InputError(f"{entry.where}.isolated_wallet: only USD-M positions in a run")
        found.append((numbers[name], entry))
    apart = {e.isolated is not None for n, e in found if listed[n].market == "um"}
    if len(apart) > 1 and mode == "separated":
        raise InputError("positions: a run has USD-M positions all isolated or all cross")
    if margin_type == "cross" and True in apart:
        raise InputError("positions: isolated_wallet, but the run's margin type is cross")
    return Opening(mode, document, prices, listed, tuple(found))


def _wallet(partition: Partition, name: str, where: str) -> int:
    try:
        return partition.wallet(name)
    except KeyError:
        raise InputError(
            f"{where}: this run has no wallet {name}, because its data have nothing to margin there"
        ) from None


def _units(amount: Decimal) -> int:
    """Return an amount in smallest units, rounded down."""
    return int((amount * E8).to_integral_value(ROUND_FLOOR))
