"""The rules of one run beside margin, as the exchange uses them: plain numbers, no rulebook."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from simulator.accounts.rules import ModeRules
from simulator.liquidation.rules import LiquidationRules
from simulator.risk.interest import InterestRules
from simulator.risk.rules import MarginRules

E8 = 10**8
EIGHT_HOURS_NS = 8 * 3_600 * 10**9


@dataclass(frozen=True, slots=True)
class DeliveryRules:
    """How contracts that expire are settled; times in ns, fees in 1e-8.

    ``fee_e8`` is of a future's notional; ``option_fee_e8`` of the underlying's worth of what a
    long option exercises, at most ``option_fee_cap_e8`` of the payoff.
    """

    window_ns: int = 1_800 * 10**9
    step_ns: int = 10**9
    fee_e8: int = 0
    option_fee_e8: int = 0
    option_fee_cap_e8: int = E8


@dataclass(frozen=True, slots=True)
class FundingRules:
    """Funding of one market; ``interest``, ``clamp`` and ``cap`` are for 8 hours (cap None: none).

    The premium is that of orders of ``impact_margin`` (quote asset) at the largest leverage.
    """

    interval_ns: int = EIGHT_HOURS_NS
    interest: float = 0.0001
    clamp: float = 0.0005
    cap: float | None = None
    impact_margin: float = 200.0

    def rate(self, premium: float) -> float:
        """Return an interval's rate for the mean premium over it.

        >>> rules = FundingRules()
        >>> round(rules.rate(0.0002), 12), round(rules.rate(0.002), 12), rules.rate(-0.0001)
        (0.0001, 0.0015, 0.0001)
        """
        pull = min(max(self.interest - premium, -self.clamp), self.clamp)
        rate = (premium + pull) * (self.interval_ns / EIGHT_HOURS_NS)
        return rate if self.cap is None else min(max(rate, -self.cap), self.cap)


@dataclass(frozen=True, slots=True)
class FundRules:
    """Operations on funds: at most ``bnb_transfers`` (0: any number) in a rolling window;
    ``bnb_stays``: whether a collection leaves BNB in the USD-M wallet.
    """

    bnb_transfers: int = 0
    bnb_window_ns: int = 0
    bnb_stays: bool = False


@dataclass(frozen=True, slots=True)
class OutflowRules:
    """What a pool must keep beside its initial margin when something leaves, by kind of pool.

    ``ratio``: equity / maintenance margin; ``level``: assets / what is owed, where anything is.
    """

    ratio: Mapping[str, Decimal] = field(default_factory=dict)
    level: Mapping[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class VenueRules:
    """Rates in 1e-8.

    Fees are maker, taker and the discount when paid in BNB; those of options are of the
    underlying's worth, with a fourth number, the most of the premium that a fee may be.
    ``funding`` is by market; ``modes`` is what an account that changes its mode must meet.
    """

    margin: MarginRules
    spot_fees: tuple[int, int, int]
    um_fees: tuple[int, int, int]
    cm_fees: tuple[int, int, int]
    option_fees: tuple[int, int, int, int]
    mark_points: int
    mark_step_ns: int
    mark_basis_hours: int
    delivery: DeliveryRules = field(default_factory=DeliveryRules)
    funding: Mapping[str, FundingRules] = field(default_factory=dict)
    interest: InterestRules = field(default_factory=InterestRules)
    liquidation: LiquidationRules = field(default_factory=LiquidationRules)
    modes: ModeRules = field(default_factory=ModeRules)
    funds: FundRules = field(default_factory=FundRules)
    outflow: OutflowRules = field(default_factory=OutflowRules)

    def fee_table(self) -> list[tuple[int, int, int, int]]:
        """Fees by product code."""
        return [(*self.spot_fees, E8), (*self.um_fees, E8), (*self.cm_fees, E8), self.option_fees]
