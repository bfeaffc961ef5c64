"""What a strategy is: callbacks, each with the context as its first argument."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simulator.exchange.messages import (
        AccountEvent,
        DeleveragingEvent,
        FundEvent,
        LevelChange,
        LiquidationEvent,
        SettlementEvent,
    )
    from simulator.risk.alerts import Alert
    from simulator.strategy.context import Bar, Context, Fill, Market, OrderUpdate, Trade


class Strategy:
    """Base of all strategies: override what you need, leave the rest.

    Class attributes with a type hint are parameters; ``--param name=value`` and keyword arguments
    set them::

        class Hello(Strategy):
            quantity: float = 0.01

            def on_start(self, ctx):
                ctx.schedule(every=60)

            def on_timer(self, ctx, name):
                ctx.buy(ctx.market("um:BTCUSDT"), self.quantity)

    Python is called for what you asked for and nothing else: a callback that you do not override
    costs nothing.

    ``resumable = True`` says that everything a strategy remembers is in its own attributes, so that
    a run which was cut off goes on from its last snapshot: see `state`.
    """

    resumable = False

    def __init__(self, **parameters: Any) -> None:
        for name, value in parameters.items():
            if not hasattr(type(self), name) or name.startswith("_"):
                known = ", ".join(sorted(self.parameters())) or "none"
                raise ValueError(
                    f"{type(self).__name__} has no parameter {name!r}; it has: {known}"
                )
            setattr(self, name, value)

    @classmethod
    def parameters(cls) -> dict[str, Any]:
        """Return parameter names and defaults.

        >>> Strategy.parameters()
        {}
        """
        found: dict[str, Any] = {}
        for base in reversed(cls.__mro__):
            for name in getattr(base, "__annotations__", {}):
                if not name.startswith("_") and hasattr(cls, name):
                    found[name] = getattr(cls, name)
        return found

    def on_start(self, ctx: Context) -> None:
        """Before the first market event: look up markets, schedule timers, subscribe."""

    def on_book(self, ctx: Context, market: Market) -> None:
        """A subscribed market's displayed book changed."""

    def on_trade(self, ctx: Context, trade: Trade) -> None:
        """A subscribed market printed a trade."""

    def on_bar(self, ctx: Context, bar: Bar) -> None:
        """A subscribed bar ended."""

    def on_timer(self, ctx: Context, name: str) -> None:
        """A scheduled timer fired; ``name`` is the one given to ``schedule``."""

    def on_fill(self, ctx: Context, fill: Fill) -> None:
        """An order of this strategy was filled, wholly or in part."""

    def on_order(self, ctx: Context, update: OrderUpdate) -> None:
        """An order was accepted, filled, cancelled, expired, rejected or triggered."""

    def on_margin_call(self, ctx: Context, call: LevelChange) -> None:
        """A margin pool of the account reached MARGIN_CALL or worse."""

    def on_alert(self, ctx: Context, alert: Alert) -> None:
        """A condition given to ``ctx.alert`` became true."""

    def on_liquidation(self, ctx: Context, liquidation: LiquidationEvent) -> None:
        """A margin pool of the account was liquidated."""

    def on_deleveraging(self, ctx: Context, event: DeleveragingEvent) -> None:
        """A position in profit was closed against one in liquidation: what it hedged is open."""

    def on_settlement(self, ctx: Context, settlement: SettlementEvent) -> None:
        """A position of the account ended at its contract's expiry."""

    def on_account(self, ctx: Context, event: AccountEvent) -> None:
        """The account took a step between the modes, or was refused one: see ``ctx.account``."""

    def on_funds(self, ctx: Context, event: FundEvent) -> None:
        """Money of the account moved on request, or the request was refused."""

    def on_stop(self, ctx: Context) -> None:
        """After the last market event; orders sent here no longer arrive."""

    def state(self) -> dict[str, Any] | None:
        """Return what the strategy remembers, so that a run which was cut off can go on from here.

        JSON, and beside it tuples, sets, deques, mappings with any keys, ``Decimal``, numpy's
        scalars, arrays and generators, ``random.Random``, markets and the context.  None, the
        default: it cannot be told, and the run is replayed from its start instead.  With
        ``resumable`` set the strategy's own attributes are returned.  Asked between two rows of
        market data; must change nothing.
        """
        return dict(vars(self)) if self.resumable else None

    def restore(self, state: dict[str, Any]) -> None:
        """Take up what `state` returned, in a run that goes on from there.

        ``on_start`` has been called before on this fresh strategy, so that what it looks up once is
        there; what it asked for (timers, orders, transfers) did not count.
        """
        vars(self).clear()
        vars(self).update(state)
