"""What can happen to an order or an account, and why an order is refused.

Values are part of the digest, so they never change.  A refused order has one ``RejectReason``: the
first failing check, in the order of the enum.
"""

from __future__ import annotations

from enum import IntEnum


class Outcome(IntEnum):
    """Kind of an outcome record; fields as for orders unless said here."""

    ACCEPTED = 1
    """The order rests in the book; quantity = remaining lots."""
    FILLED = 2
    """One match; price and quantity of the match."""
    CANCELED = 3
    EXPIRED = 4
    """Ended by its own terms; price = ``book.codes.Expiry``, quantity = remaining lots."""
    REJECTED = 5
    """Refused; price = ``RejectReason``."""
    CANCEL_REJECTED = 6
    """The order to cancel was no longer open."""
    TRIGGERED = 7
    """A conditional order's trigger was reached; price = the trigger."""
    REDUCED = 8
    """Lots taken off a resting order (reduce-only, self-trade prevention)."""
    FUNDING = 10
    """Funding booked; price = rate in 1e-8, quantity = amount in settle units, order 0."""
    TRANSFERRED = 11
    """Between wallets; order = source, side = target, price = asset, quantity = amount."""
    DEPOSITED = 12
    """From outside; order = wallet, price = asset, quantity = amount."""
    LEVEL_CHANGED = 13
    """A pool's risk level; order = pool, side = new level, price = old level."""
    LIQUIDATED = 14
    """A pool reached its threshold and its positions are being closed; order = pool."""
    SHORTFALL = 15
    """The insurance fund paid a pool's debt, or what an isolated position lost beyond its margin at
    a fill or an expiry; order = pool, price = asset, quantity = amount."""
    TRANSFER_REJECTED = 16
    """A transfer was refused; price = ``RejectReason``, quantity = amount."""
    LEVERAGE_SET = 17
    """Price = the leverage before, rounded down; quantity = the new one."""
    LEVERAGE_REJECTED = 18
    """Price = ``RejectReason``, quantity = the leverage asked for."""
    SETTLED = 19
    """A position ended at its contract's expiry; order = position slot, side = 1 of a long, -1 of a
    short, price = settlement price in 1e-8, quantity = lots."""
    BORROWED = 20
    """A loan was made; order = wallet, price = asset, quantity = amount."""
    REPAID = 21
    """Principal was paid back; as BORROWED."""
    INTEREST = 22
    """Interest on a loan fell due; as BORROWED."""
    INTEREST_PAID = 23
    """Interest that was due was paid; as BORROWED."""
    LOAN_REJECTED = 24
    """Borrowing or repaying was refused; side = asset, price = ``RejectReason``."""
    NEGATIVE_INTEREST = 25
    """A negative balance's interest was taken from it; as BORROWED."""
    CONVERTED = 26
    """Sold or bought by the venue for a negative balance; as BORROWED, below 0 where sold."""
    MARGIN_ADJUSTED = 27
    """Isolated margin was added, or taken off where below 0; order = position slot, price = asset,
    quantity = amount."""
    MARGIN_REJECTED = 28
    """Adding or taking off was refused; order = position slot, price = ``RejectReason``."""
    MODE_STEP = 29
    """The account's state changed; order = ``accounts.states.Step``, side = the state before,
    price = the state after, quantity = ns until which trading rests, 0 if it does not."""
    MODE_REFUSED = 30
    """A step was refused; order = step, side = state, price = ``ModeRefusal``, quantity = number of
    conditions that are not met."""
    MERGED = 31
    """A switch moved a balance; order = source wallet, side = target, price = asset, quantity =
    amount."""
    DEBT_MERGED = 32
    """A switch moved a loan and its interest; as MERGED, quantity = both together."""
    WITHDRAWN = 33
    """To the outside; order = wallet, price = asset, quantity = amount."""
    FUNDS_REJECTED = 34
    """A withdrawal, collection, or setting was refused; order = ``messages.FundOperation``, side =
    asset (-1: none), price = ``RejectReason``, quantity = amount."""
    SETTING_CHANGED = 35
    """A switch of the account was set; order = ``messages.FundOperation``, quantity = 1 on, 0
    off."""
    TAKEN_OVER = 36
    """The insurance fund took a position over at its bankruptcy price; account = who lost it, order
    = its pool, side = 1 of a long, -1 of a short, price = what it was worth at that price in units
    of its settlement asset (of a future: signed lots times the price, see ``ledger``), quantity =
    lots."""
    DELEVERAGED = 37
    """A position was closed against one at its bankruptcy price; account = the one that was in
    profit, order = the pool in liquidation, side = 1 of a long, -1 of a short, price as in
    TAKEN_OVER, quantity = lots."""
    ENROLLED = 38
    """A population entered; price = number of accounts, quantity = a hash of all they hold."""


class RejectReason(IntEnum):
    """Why an order or a request is refused: the first failing check, in the order written here.

    The comment gives the nearest Binance error code.
    """

    ACCOUNT_SUSPENDED = 17  # -2015: the account is switching its mode
    POSITION_SIDE = 13  # -4061: hedge mode needs LONG or SHORT, one-way mode takes neither
    NO_SUCH_WALLET = 15  # -3021: the account has no cross-margin wallet for this pair
    CONTRACT_EXPIRED = 4  # -4108: the contract has expired, or is being settled
    PRICE_FILTER = 1  # -4014, -1013: price must be above 0 and on the tick
    LOT_SIZE = 2  # -4003, -1013: quantity under the minimum, over the maximum or off the lot
    MIN_NOTIONAL = 3  # -4164
    ACCOUNT_IN_LIQUIDATION = 5  # -2023
    REDUCE_ONLY_LEVEL = 6  # -4087: the pool's level accepts only reducing orders
    REDUCE_ONLY = 7  # -2022: nothing to reduce
    REDUCE_BEYOND = 14  # -2022: hedge mode: more than the position, which cannot turn round
    WOULD_TRIGGER_IMMEDIATELY = 8  # -2021
    INSUFFICIENT_BALANCE = 9  # -2010
    INSUFFICIENT_MARGIN = 10  # -2019
    MAX_POSITION = 11  # -2027: over the notional that the leverage allows
    LEVERAGE = 16  # -4028: more than the contract's brackets allow, or no leverage to set
    NO_PRICE = 12  # no mark or index price yet, so nothing can be margined
    BORROW_LIMIT = 20  # -3006: over what the margin leverage and the pool's equity allow
    NOT_BORROWABLE = 21  # -3012: this wallet cannot borrow
    NOTHING_OWED = 22  # -3015: there is no such debt to repay
    NOT_ISOLATED = 23  # -4051: the position has no margin of its own
    NO_POSITION = 24  # -4161: there is no position to add margin to
    WRONG_ASSET = 25  # the wallet that money would go to does not take this asset
    ONE_WALLET = 26  # the two wallets are one in this mode, there is nothing to move
    TOO_MANY_REQUESTS = 27  # -1003: more of this operation than the venue allows in its window
    NOTHING_TO_COLLECT = 28  # no wallet has a free balance of it
