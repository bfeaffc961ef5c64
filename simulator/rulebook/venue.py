"""A rulebook's sections as the plain rules that the exchange runs by."""

from __future__ import annotations

from dataclasses import replace

from simulator.exchange.rules import (
    DeliveryRules,
    FundingRules,
    FundRules,
    OutflowRules,
    VenueRules,
)
from simulator.liquidation.rules import InsuranceRules, LiquidationRules
from simulator.risk.rules import MarginRules
from simulator.rulebook.charges import FeeSchedule, FundingTerms
from simulator.rulebook.schema import Rulebook

SECOND_NS = 10**9


def venue_rules(rules: Rulebook, margin: MarginRules, fees: bool = True) -> VenueRules:
    """Return the rules of a run; ``margin`` is the rulebook's in one mode, no ``fees``: all 0."""
    paid, delivery = rules.fees, rules.delivery
    return VenueRules(
        margin=margin,
        spot_fees=_fees(paid.spot, fees),
        um_fees=_fees(paid.um, fees),
        cm_fees=_fees(paid.cm, fees),
        option_fees=(*_fees(paid.option, fees), paid.option.premium_cap_e8),
        liquidation=_liquidation(rules),
        mark_points=rules.mark.points,
        mark_step_ns=rules.mark.step_ns,
        mark_basis_hours=rules.mark.basis_hours,
        delivery=DeliveryRules(
            window_ns=delivery.window_seconds * SECOND_NS,
            step_ns=delivery.step_ns,
            fee_e8=delivery.fee_e8 if fees else 0,
            option_fee_e8=delivery.option_fee_e8 if fees else 0,
            option_fee_cap_e8=delivery.option_fee_cap_e8,
        ),
        funding={market: _funding(rules.funding.of(market)) for market in ("um", "cm")},
        modes=rules.mode_rules(),
        outflow=_outflow(rules),
        funds=rules.fund_operations.plain() if rules.fund_operations else FundRules(),
    )


def _liquidation(rules: Rulebook) -> LiquidationRules:
    given, fund = rules.liquidation, rules.insurance_fund
    bound = given.market_take_bound
    return LiquidationRules(
        fee_e8=given.fee_e8,
        partial=given.partial,
        bound=None if bound is None else float(bound),
        deleveraging=given.deleveraging,
        insurance=InsuranceRules() if fund is None else fund.plain(),
    )


def _outflow(rules: Rulebook) -> OutflowRules:
    cross = rules.cross_margin
    level = cross.withdraw_above if cross else None
    return OutflowRules(
        ratio={"unified": rules.mode_rules().withdrawal_ratio},
        level={} if level is None else {"margin": level},
    )


def _fees(schedule: FeeSchedule, charged: bool) -> tuple[int, int, int]:
    if not charged:
        return 0, 0, 0
    return schedule.maker_e8, schedule.taker_e8, schedule.bnb_discount_e8


def _funding(terms: FundingTerms) -> FundingRules:
    impact = terms.impact_margin_notional
    plain = FundingRules(
        interval_ns=terms.interval_ns,
        interest=float(terms.interest),
        clamp=float(terms.clamp),
        cap=None if terms.cap is None else float(terms.cap),
    )
    return plain if impact is None else replace(plain, impact_margin=float(impact))
