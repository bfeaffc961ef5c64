"""Money of an account, as a strategy asks for it: in, out, between wallets, borrowed and repaid.

Everything here is asked with the entry latency and answered by a ``FundEvent``, which
``Strategy.on_funds`` hears and ``ctx.account.funds`` lists: done, or refused with a named reason.
Amounts are in whole units of the asset, as a float, an int, a ``Decimal`` or text; 1e-8 is the
smallest that counts.  Rules: docs/funds.md.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Literal

from simulator.accounts.wallets import LINES
from simulator.exchange.messages import (
    NO_WALLET,
    BorrowRequest,
    FundEvent,
    FundOperation,
    FundRequest,
    RepayRequest,
    TransferRequest,
)

if TYPE_CHECKING:
    from simulator.exchange.desk import Desk

Quantity = float | int | Decimal | str

E8 = 10**8
MOST = 9 * 10**18
"""More than this many smallest units is refused, not an overflow."""

LINE_OF_ACCOUNT = {
    "MAIN": "spot",
    "MARGIN": "margin",
    "UMFUTURE": "um",
    "CMFUTURE": "cm",
    "OPTION": "options",
    "PORTFOLIO_MARGIN": "unified",
}
"""The accounts in the names of universal transfers."""

UNIVERSAL_TRANSFERS = (
    "MAIN_UMFUTURE",
    "MAIN_CMFUTURE",
    "MAIN_MARGIN",
    "MAIN_OPTION",
    "MAIN_PORTFOLIO_MARGIN",
    "UMFUTURE_MAIN",
    "UMFUTURE_MARGIN",
    "UMFUTURE_OPTION",
    "CMFUTURE_MAIN",
    "CMFUTURE_MARGIN",
    "MARGIN_MAIN",
    "MARGIN_UMFUTURE",
    "MARGIN_CMFUTURE",
    "MARGIN_OPTION",
    "OPTION_MAIN",
    "OPTION_UMFUTURE",
    "OPTION_MARGIN",
    "PORTFOLIO_MARGIN_MAIN",
)
"""Types of Binance's universal transfer, less those of wallets that are not simulated."""


def units_of(what: str, quantity: Quantity) -> int:
    """Return smallest units; ``ValueError`` naming ``what`` for what is no number.

    >>> units_of("deposit", "0.00000001"), units_of("deposit", 0.1)
    (1, 10000000)
    """
    try:
        exact = Decimal(str(quantity)) * E8
    except InvalidOperation:
        raise ValueError(f"{what}: quantity {quantity!r} is not a number") from None
    if exact.is_nan():
        raise ValueError(f"{what}: quantity is not a number")
    return round(max(Decimal(-1), min(exact, Decimal(MOST))))


class Funds:
    """Operations on the funds of the trading account, for one strategy."""

    def __init__(self, desk: Desk, strategy: int) -> None:
        self._desk = desk
        self._strategy = strategy

    @property
    def funds(self) -> tuple[FundEvent, ...]:
        """Every operation on funds so far, done or refused, in order."""
        return tuple(self._desk.funds.events)

    # In and out

    def deposit(self, asset: str, quantity: Quantity, wallet: str = "") -> None:
        """Bring money from outside: into ``wallet``, or where deposits of the account arrive."""
        target = self._wallet(wallet) if wallet else -1
        self._ask(FundOperation.DEPOSIT, asset, units_of("deposit", quantity), target=target)

    def withdraw(self, asset: str, quantity: Quantity, wallet: str = "") -> None:
        """Take money out of a wallet, that of deposits without one; ``all``: what may leave."""
        units = None if quantity == "all" else units_of("withdraw", quantity)
        source = self._wallet(wallet) if wallet else -1
        self._ask(FundOperation.WITHDRAW, asset, units, source=source)

    def max_withdrawable(self, asset: str, wallet: str = "") -> float:
        """Return what may leave a wallet now, to the outside or to another wallet."""
        number = self._wallet(wallet) if wallet else -1
        return self._desk.funds.most(number, self._desk.asset(asset)) / E8

    # Between wallets

    def transfer(self, asset: str, quantity: Quantity, source: str, target: str) -> None:
        """Move an asset between two wallets of the account.

        Unlike ``ctx.transfer`` this also asks where the two are one wallet, and is refused then.
        """
        units = units_of("transfer", quantity)
        self._move(asset, units, self._wallet(source), self._wallet(target))

    def universal_transfer(self, kind: str, asset: str, quantity: Quantity) -> None:
        """Transfer by Binance's name, such as ``MAIN_UMFUTURE``; a coin-margined wallet is the
        asset's.  Raises ``ValueError`` for a name that is not in ``UNIVERSAL_TRANSFERS``.
        """
        if kind not in UNIVERSAL_TRANSFERS:
            raise ValueError(
                f"universal transfer {kind!r} is none of {', '.join(UNIVERSAL_TRANSFERS)}"
            )
        units = units_of("universal transfer", quantity)
        first = next(
            one
            for one in LINE_OF_ACCOUNT
            if kind.startswith(f"{one}_") and kind[len(one) + 1 :] in LINE_OF_ACCOUNT
        )
        lines = LINE_OF_ACCOUNT[first], LINE_OF_ACCOUNT[kind[len(first) + 1 :]]
        source, target = (f"cm:{asset}" if line == "cm" else line for line in lines)
        self._move(asset, units, self._wallet(source), self._wallet(target))

    def collect(self, asset: str = "") -> None:
        """Bring what futures, margin and options wallets can spare to spot: of one asset or all."""
        self._ask(FundOperation.COLLECT, asset)

    def transfer_bnb(
        self,
        quantity: Quantity,
        side: Literal["TO_UM", "FROM_UM"] = "TO_UM",
        wallet: Literal["spot", "margin"] = "spot",
    ) -> None:
        """Move BNB to the USD-M wallet, where it pays fees at a discount, or back from it."""
        if side not in ("TO_UM", "FROM_UM"):
            raise ValueError(f"side must be TO_UM or FROM_UM, not {side!r}")
        if wallet not in ("spot", "margin"):
            raise ValueError(f"wallet must be spot or margin, not {wallet!r}")
        ends = self._wallet(wallet), self._wallet("um")
        source, target = ends if side == "TO_UM" else ends[::-1]
        units = units_of("transfer_bnb", quantity)
        self._ask(FundOperation.TRANSFER_BNB, "BNB", units, source=source, target=target)

    # Loans

    def borrow(self, asset: str, quantity: Quantity) -> None:
        """Ask for a loan in the wallet of cross margin, or the unified one."""
        units = units_of("borrow", quantity)
        self._desk.request(BorrowRequest(self._strategy, self._desk.asset(asset), units))

    def repay(self, asset: str, quantity: Quantity = "all") -> None:
        """Pay a loan back, interest first; ``all`` as far as the balance goes."""
        units = None if quantity == "all" else units_of("repay", quantity)
        self._desk.request(RepayRequest(self._strategy, self._desk.asset(asset), units))

    def auto_repay(self, on: bool = True) -> None:
        """Let free balances of what is owed repay it, from now on; or stop that."""
        if not isinstance(on, bool):
            raise ValueError(f"auto_repay: {on!r} is not True or False")
        self._desk.request(FundRequest(self._strategy, FundOperation.AUTO_REPAY, on=on))

    def _ask(
        self,
        operation: FundOperation,
        asset: str,
        units: int | None = None,
        *,
        source: int = -1,
        target: int = -1,
    ) -> None:
        number = self._desk.asset(asset) if asset else -1
        self._desk.request(FundRequest(self._strategy, operation, number, units, source, target))

    def _move(self, asset: str, units: int, source: int, target: int) -> None:
        number = self._desk.asset(asset)
        self._desk.request(TransferRequest(self._strategy, source, target, number, units))

    def _wallet(self, name: str) -> int:
        """Number of a wallet, ``NO_WALLET`` where the account has none of that line.

        Wallets of the other mode have numbers too: the venue says what they are in this one.
        Raises ``LookupError`` for a name that no account has.
        """
        partition = self._desk.partition
        for known in (partition.number_of, partition.wallet):
            try:
                return known(name)
            except KeyError:
                pass
        if name.partition(":")[0] in (*LINES, "unified"):
            return NO_WALLET
        raise LookupError(f"no wallet {name}; there are {', '.join(partition.wallet_names)}")
