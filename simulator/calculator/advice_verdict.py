"""Which account mode suits an account: one table of rules over figures that were computed before.

The first rule that holds decides; docs/how-to/advice.md lists them:

    inexperienced   experience is asked for and missing, or the account was liquidated
    nothing         no margin is needed in either mode
    spot_at_risk    a shock takes from the unified pool what separate wallets keep, a twentieth of
                    the equity or more, and less than half of the exposure is hedged against it
    one_product     there is nothing to net across products
    small           net assets are below what a switch asks for
    merge_unsafe    the merged pool would not be above the ratio that a switch asks for
    hedged          the unified mode needs less margin by a tenth or more
    carries         a shock liquidates a wallet that the pool carries, half or more being hedged
    no_gain         none of these
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from simulator.accounts.conditions import Condition
from simulator.calculator.tables import quantity
from simulator.report.values import amount
from simulator.risk.state import ZERO

Code = Literal["unified", "gains_little", "spot_at_risk", "merge_unsafe", "practise_separated"]
Rule = Literal[
    "inexperienced",
    "nothing",
    "spot_at_risk",
    "one_product",
    "small",
    "merge_unsafe",
    "hedged",
    "carries",
    "no_gain",
]

CODES: dict[Rule, Code] = {
    "inexperienced": "practise_separated",
    "nothing": "gains_little",
    "spot_at_risk": "spot_at_risk",
    "one_product": "gains_little",
    "small": "gains_little",
    "merge_unsafe": "merge_unsafe",
    "hedged": "unified",
    "carries": "unified",
    "no_gain": "gains_little",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """Where the rules have their edges; each edge itself is on the side of the unified mode.

    ``net_assets``: USDT, where the rulebook asks for none.  ``futures_trades``, ``age_days``: of
    an experienced account, where the rulebook asks for neither.
    """

    saved: Decimal = Decimal("0.10")
    hedged: Decimal = Decimal("0.50")
    stake: Decimal = Decimal("0.05")
    net_assets: Decimal = Decimal(10_000)
    futures_trades: int = 10
    age_days: int = 30
    after_losses: int = 3
    after_losses_share: Decimal = Decimal("0.25")


LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Danger:
    """What a shock puts at risk in the unified mode only: ``value`` is the equity in USD that
    separate wallets keep, ``share`` that of the account's, ``assets`` what stands in the pool.
    """

    shock: str
    hedged: Decimal
    value: Decimal
    share: Decimal
    assets: str

    def unhedged(self, limits: Limits = LIMITS) -> bool:
        """Whether it is large and the account not hedged against it."""
        return self.hedged < limits.hedged and self.share >= limits.stake


@dataclass(frozen=True, slots=True)
class Carried:
    """Wallets that a shock liquidates in the separated mode while the pool carries on."""

    shock: str
    wallets: tuple[str, ...]
    ratio: Decimal | None


@dataclass(frozen=True, slots=True)
class Findings:
    """What the rules look at; margins are initial margins in USD, net assets in USDT.

    ``asked`` is the net assets that count as not small.  ``lacking``: conditions of experience
    that are not met.  ``dangers`` and ``carried`` begin with the mildest shock.
    """

    products: tuple[str, ...]
    net_assets: Decimal
    asked: Decimal
    separated: Decimal
    unified: Decimal
    merged: Condition
    hedged: Decimal
    largest: tuple[str, Decimal] = ("", ZERO)
    dangers: tuple[Danger, ...] = ()
    carried: tuple[Carried, ...] = ()
    lacking: tuple[Condition, ...] = ()
    liquidations: int = 0

    @property
    def saved(self) -> Decimal:
        """Initial margin that the unified mode needs less."""
        return self.separated - self.unified

    @property
    def saved_share(self) -> Decimal:
        """The same as a share of what the separated mode needs."""
        return self.saved / self.separated if self.separated > 0 else ZERO


def rule_of(found: Findings, limits: Limits = LIMITS) -> Rule:
    """Return the first rule that holds."""
    if found.lacking or found.liquidations:
        return "inexperienced"
    if found.separated <= 0 and found.unified <= 0:
        return "nothing"
    if any(one.unhedged(limits) for one in found.dangers):
        return "spot_at_risk"
    if len(found.products) < 2:
        return "one_product"
    if found.net_assets < found.asked:
        return "small"
    if not found.merged.met:
        return "merge_unsafe"
    if found.saved_share >= limits.saved:
        return "hedged"
    if found.carried and found.hedged >= limits.hedged:
        return "carries"
    return "no_gain"


def sentence(found: Findings, rule: Rule, limits: Limits = LIMITS) -> str:
    """Return the verdict in one sentence, with the figures that it stands on."""
    one, other = usd(found.separated), usd(found.unified)
    both = f"initial margin is {other} unified and {one} separated"
    gain = f"{both}, {_saving(found)}"
    if rule == "inexperienced":
        return f"Practise separated first: {_experience(found)}; {gain}."
    if rule == "nothing":
        return f"Unified gains nothing now: {both}."
    if rule == "merge_unsafe":
        merged = found.merged
        return (
            f"Stay separated: after the merge uniMMR would be {merged.have}, and a switch needs "
            f"{merged.need}; {gain}."
        )
    if rule == "spot_at_risk":
        danger = next(one for one in found.dangers if one.unhedged(limits))
        return (
            f"Stay separated, your assets would be at risk: at {danger.shock} the unified pool is "
            f"liquidated with {danger.assets}, and separate wallets keep {usd(danger.value)} "
            f"({percent(danger.share)} of the equity); "
            f"{percent(danger.hedged)} of the exposure is hedged against it{_largest(found)}; "
            f"{gain}."
        )
    if rule == "one_product":
        what = f"one product ({found.products[0]})" if found.products else "no product"
        return f"Unified gains little: the account has {what}; {gain}."
    if rule == "small":
        return (
            f"Unified gains little yet: net assets of {amount(found.net_assets)} USDT are small, "
            f"{amount(found.asked - found.net_assets)} USDT short of {amount(found.asked)} USDT; "
            f"{gain}."
        )
    if rule == "hedged":
        return (
            f"Unified suits this account: {gain}; it has {len(found.products)} products "
            f"({', '.join(found.products)}), hedged to {percent(found.hedged)}."
        )
    if rule == "carries":
        saved = found.carried[0]
        at = "no requirement" if saved.ratio is None else f"uniMMR {amount(saved.ratio, 4)}"
        return (
            f"Unified suits this account: at {saved.shock} separate wallets are liquidated "
            f"({', '.join(saved.wallets)}), the pool is not ({at}); {gain}; hedged to "
            f"{percent(found.hedged)}."
        )
    return f"Unified gains little: {gain}, under the {percent(limits.saved)} that pays for it."


def _saving(found: Findings) -> str:
    if abs(found.saved) < Decimal("0.005"):
        return "nothing saved (0.00 USD)"
    word = "saved" if found.saved > 0 else "more"
    return f"{usd(abs(found.saved))} {word} ({percent(abs(found.saved_share))})"


def _experience(found: Findings) -> str:
    said = [unmet(one) for one in found.lacking]
    if found.liquidations:
        said.append(f"liquidations {found.liquidations:,} (asked: none)")
    return ", ".join(said)


LABELS = {
    "KYC": "identity check",
    "NET_ASSETS": "net assets",
    "ACCOUNT_AGE": "account age",
    "FUTURES_TRADES": "futures trades",
    "FUTURES_VOLUME": "futures volume",
    "NO_LIQUIDATION": "in liquidation",
    "UNIMMR_AFTER": "uniMMR after the merge",
}
"""What conditions are called in sentences, where what they have does not say it."""


def unmet(one: Condition) -> str:
    """Write a condition that is not met.

    >>> unmet(Condition("ACCOUNT_AGE", False, "3 days", "30 days"))
    'account age 3 days (asked: 30 days)'
    """
    label = LABELS.get(one.name)
    return f"{label} {one.have} (asked: {one.need})" if label else f"{one.have} (asked: {one.need})"


def _largest(found: Findings) -> str:
    coin, share = found.largest
    return f", {percent(share)} of the net exposure is {coin}" if coin else ""


def usd(value: Decimal) -> str:
    """Write an amount of USD."""
    return f"{amount(value)} USD"


def amounts(held: Mapping[str, Decimal], most: int = 4) -> str:
    """Write amounts of assets, the first few of many.

    >>> amounts({"BTC": Decimal("0.50"), "USDT": Decimal(1000)})
    '0.5 BTC, 1,000 USDT'
    """
    said = [f"{quantity(float(x))} {asset}" for asset, x in held.items()]
    more = [f"{len(said) - most} more"] if len(said) > most else []
    return ", ".join(said[:most] + more)


def percent(share: Decimal) -> str:
    """Write a share.

    >>> percent(Decimal("0.125"))
    '12.5 %'
    """
    return f"{amount(share * 100, 1)} %"
