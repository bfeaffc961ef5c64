"""Coin carry: coins as collateral, the coin-margined perpetual sold against them.

A short of ``n`` coin-margined contracts of ``c`` USD each, opened at ``p0``, is worth
``n * c * (1 / p - 1 / p0)`` coins at the price ``p``.  Against ``C`` coins of collateral::

    coins   C + n * c * (1 / p - 1 / p0)
    USD     C * p + n * c * (1 - p / p0)  =  n * c   for every p, where C = n * c / p0

So the account holds dollars without a dollar in it: what the coins lose the contract gains.  The
perpetual's funding is paid in coins on top, and is the reason to do it.  It loses where funding
is negative, and it gives up every rise of the coin: in coins the account *shrinks* when the price
rises, and that is where the modes differ::

    separated: the wallet ``cm:BTC`` counts coins; a rise of r costs it C * r / (1 + r): a short
    unified:   the pool counts USD and sees C coins and -C of contracts: about nothing

There is no spot to buy and no second leg to keep up: compare ``cash_and_carry``.

``unimargin run coin_carry`` (``--data bundled:crash`` in brackets): +20.38 (-59.70) USDT in both
modes, of it funding +18.85 (-32.04), while the coin loses nothing (3 %, 12 % at its low); peak
initial margin is 5,617.28 (10,757.33) separated and 22.75 (1,345.78) unified: the basis, which
widens in the crash, is what is left.
"""

from __future__ import annotations

from simulator import Context, Fill, InputError, LiquidationEvent, Market, OrderUpdate, Strategy


class CoinCarry(Strategy):
    """Sell perpetuals in slices until they stand against ``share`` of the coins; hold.

    ``unwind_after`` seconds (0: hold to the end) they are bought back.
    """

    resumable = True

    instrument: str = "BTCUSD_PERP"
    share: float = 1.0
    slices: int = 10
    every: float = 1.0
    unwind_after: float = 0.0

    def on_start(self, ctx: Context) -> None:
        """Find the contract, and bring the coins to where they are collateral."""
        if not 0 < self.share <= 1 or self.slices < 1:
            raise InputError("CoinCarry: share must be above 0 and at most 1, slices at least 1")
        self.perp: Market = ctx.market(f"cm:{self.instrument}")
        coin = self.perp.base
        self.coins = ctx.balance(coin)
        if self.coins <= 0:
            raise InputError(f"CoinCarry: needs {coin} to begin with, as --deposit {coin}=1")
        self.target = -1  # contracts to be short; below 0: not known yet
        self.short = 0  # its own count, for others may trade the same contract
        self.waiting = False  # whether an order is under way
        self.intact = True
        """Whether the contracts stand against the coins as intended."""
        ctx.transfer(coin, self.coins, "spot", f"cm:{coin}")
        ctx.schedule(every=self.every)
        if self.unwind_after:
            ctx.schedule(after=self.unwind_after, name="unwind")

    def on_timer(self, ctx: Context, name: str) -> None:
        """Another slice towards the target."""
        perp = self.perp
        if not (perp.mid and perp.mark):
            return
        if name == "unwind":
            self.target = 0
        elif self.target < 0:
            # The dollars that the coins are worth now: whatever the price does, they stay so many.
            self.target = int(self.share * self.coins * perp.bid / perp.contract_size)
            self.slice = max(1, self.target // self.slices)
        missing = self.target - self.short
        if missing and not self.waiting:
            self.waiting = True
            (ctx.sell if missing > 0 else ctx.buy)(perp, min(abs(missing), self.slice))

    def on_fill(self, ctx: Context, fill: Fill) -> None:
        """Count."""
        self.short -= fill.side * round(fill.quantity)
        if fill.done:
            self.waiting = False

    def on_order(self, ctx: Context, update: OrderUpdate) -> None:
        """What the displayed depth could not fill comes back: the next timer tries again."""
        if update.what in ("REJECTED", "EXPIRED", "CANCELED"):
            self.waiting = False
        if update.what == "REJECTED":
            self.target = self.short
            self.intact = False

    def on_liquidation(self, ctx: Context, liquidation: LiquidationEvent) -> None:
        """The venue closed it."""
        self.intact = False
        self.short = min(self.short, max(0, -round(self.perp.position)))
        self.target = self.short

    def on_stop(self, ctx: Context) -> None:
        """Judge the run."""
        self.intact = self.intact and self.short == self.target
