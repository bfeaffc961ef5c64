"""A cascade told in sentences."""

from __future__ import annotations

from datetime import UTC, datetime

from simulator.report.cascade_figures import Figures, share
from simulator.report.cascade_moves import LEAST_FALL, Fall, Rise
from simulator.report.values import MISSING, amount, compact, count


def percent(value: float | None, digits: int = 1) -> str:
    """Write a share in percent.

    >>> percent(0.1423), percent(None)
    ('14.2', '–')
    """
    return MISSING if value is None else amount(100 * value, digits)


def clock(time_ns: int) -> str:
    """Write the time of day, UTC, to the minute.

    >>> clock(1_700_000_000_000_000_000)
    '22:13'
    """
    return f"{datetime.fromtimestamp(time_ns // 10**9, UTC):%H:%M}"


def sentences(one: Figures, currency: str) -> list[str]:
    """Return what happened in a run, in sentences for a newcomer."""
    said = [_of_rise(one.squeeze)] if one.squeeze is not None else []
    said += [_of_price(fall) for fall in _worth_telling(one)]
    said += (_of_accounts(one, currency), _of_losses(one, currency), _of_types(one))
    return [sentence for sentence in said if sentence]


MUCH_DEEPER = 1.5


def _worth_telling(one: Figures) -> list[Fall]:
    """Return the fall of what was sold most, and the deepest one where that is much deeper: a coin
    that is sold for debts falls further than the contracts that it is collateral of.
    """
    if one.headline is None:
        return []
    deepest = max(one.falls, key=lambda fall: fall.fall)
    if one.squeeze is not None:
        return [deepest] if deepest.fall > one.squeeze.rise else []
    much = deepest.fall > MUCH_DEEPER * max(one.headline.fall, LEAST_FALL)
    return [one.headline, deepest] if one.liquidated and much else [one.headline]


def _of_rise(rise: Rise) -> str:
    said = f"{rise.instrument} rose {percent(rise.rise)} %"
    if rise.quiet_rise is None:
        return f"{said} to its highest, and short positions were bought back."
    if rise.amplification is None:
        return f"{said} with liquidations moving the price, and not at all without."
    return (
        f"{said} with liquidations moving the price and {percent(rise.quiet_rise)} % without: "
        f"{amount(rise.amplification)} times as high."
    )


def _of_price(fall: Fall) -> str:
    if fall.fall <= 0:
        return f"{fall.instrument} did not fall below its first price."
    if fall.quiet_fall is None:
        return f"{fall.instrument} fell {percent(fall.fall)} % to its lowest."
    if fall.amplification is None:
        return (
            f"{fall.instrument} fell {percent(fall.fall)} % with liquidations moving the price, "
            "and not at all without."
        )
    return (
        f"{fall.instrument} fell {percent(fall.fall)} % with liquidations moving the price and "
        f"{percent(fall.quiet_fall)} % without: {amount(fall.amplification)} times as deep."
    )


def _of_accounts(one: Figures, currency: str) -> str:
    if not one.liquidated:
        return f"None of {count(one.accounts)} accounts was liquidated."
    were = "was" if one.liquidated == 1 else "were"
    said = (
        f"{count(one.liquidated)} of {count(one.accounts)} accounts"
        f" ({percent(share(one.liquidated, one.accounts))} %) {were} liquidated"
    )
    peak = one.peak
    if peak is None:
        return said + "; no position had to be closed."
    return (
        f"{said}; {compact(one.closed)} {currency} of positions were closed, "
        f"{percent(share(one.closed_long, one.closed), 0)} % of it long, the most in the minute "
        f"of {clock(peak['minute_ns'])} UTC ({compact(peak['notional'])})."
    )


def _of_losses(one: Figures, currency: str) -> str:
    if not one.liquidated:
        return ""
    parts = []
    if one.bankruptcies:
        beyond = f" ({count(one.beyond)} of them more than that)" if one.beyond else ""
        those = "account" if one.bankruptcies == 1 else "accounts"
        parts.append(f"{count(one.bankruptcies)} {those} lost a whole margin pool{beyond}")
    if one.fund_drawdown > 0:
        parts.append(f"the insurance fund fell by {compact(one.fund_drawdown)} {currency}")
    if one.deleveraged > 0:
        parts.append(
            f"{compact(one.deleveraged)} of profitable positions of "
            f"{count(one.deleveraged_accounts)} other accounts were closed (auto-deleveraging)"
        )
    if one.spot_sold > 0:
        parts.append(f"{compact(one.spot_sold)} of assets were sold for debts")
    if not parts:
        return "Nobody lost a whole margin pool: the insurance fund paid nothing."
    said = "; ".join(parts)
    return said[0].upper() + said[1:] + "."


def _of_types(one: Figures) -> str:
    known = [item for item in one.groups if item.lost is not None]
    if not known or not one.liquidated:
        return ""
    worst = max(known, key=lambda item: item.lost or 0.0)
    if (worst.lost or 0.0) <= 0:
        return ""
    said = f"Hit hardest: {worst.group} lost {percent(worst.lost)} % of what they had"
    if worst.quiet_lost is not None:
        said += f" ({percent(worst.quiet_lost)} % without feedback)"
    return said + "."
