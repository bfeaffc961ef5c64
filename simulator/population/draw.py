"""Draw a population: who it is (`drawn`), how large its positions may be, where its money lies.

Every property of a group comes from numbers of its own: the counter-based generator Philox keyed
by seed, group and property.  So a group that is added, moved or changed changes no other, and the
same people come in both modes.  Values are rounded (wealth to 0.01, the rest to 1e-6) before they
are used, so that the last bit of a machine's logarithm decides nothing; from there on there are
only sums, products and quotients.

Wealth is what an account is worth at the first prices, unrealized profit included.  ``futures`` x
wealth is margin, ``leverage`` is notional at the first prices / margin, a hedge's leg counted in.
Positions are cut down to what the rules of both modes allow (`simulator.population.limits`), to
the coins that a spot hedge can buy, and to whole lots; entries to where the profit is at most
`GAIN` of the margin.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from simulator.accounts.crowd import Crowd, Setting
from simulator.accounts.states import AccountMode
from simulator.errors import InputError
from simulator.instruments.instrument import Instrument
from simulator.population.laws import assigned
from simulator.population.limits import ROOM, Limits, counted, limits_of
from simulator.population.people import GAIN, Flags, Floats, People, Tally, lot_value
from simulator.population.place import place
from simulator.population.spec import Group, Mixed, sizes
from simulator.rulebook.messages import nearest
from simulator.units.functions import exponentials, normal_quantiles

MOST_WEALTH = 9e10
"""Most USDT of an account; int64 holds a little more in 1e-8."""

Numbers = Callable[[str], Floats]
"""Uniform numbers of a group by what they are for."""


def draw(people: Sequence[Group], accounts: int, setting: Setting) -> Crowd:
    """Return the accounts of groups at the first moment of a run, ids from 1 in their order.

    Raises ``InputError`` for an instrument or an asset that the data do not have, or do not price
    at the start, and for a number of accounts that cannot be.
    """
    return drawn(people, accounts, setting)[0]


def drawn(
    people: Sequence[Group], accounts: int, setting: Setting
) -> tuple[Crowd, dict[str, Tally]]:
    """Return the accounts, and by group what was cut down."""
    check(people, setting)
    made = [
        _people(group, size, setting)
        for group, size in zip(people, sizes(people, accounts), strict=True)
    ]
    crowd = place(made, setting)
    return crowd, {one.group.name: one.tally for one in made}


def check(people: Sequence[Group], setting: Setting) -> None:
    """Raise ``InputError`` for what groups name and the data do not have."""
    known = {one.name: one for one in setting.instruments if one.market in ("um", "cm")}
    for group in people:
        where = f"people: {group.name}"
        instruments, assets = group.named
        for name in sorted(instruments):
            if name not in known:
                raise InputError(
                    f"{where}: {name}: the data have no such contract{nearest(name, known)}; "
                    f"they have {', '.join(sorted(known)) or 'none'}"
                )
            if name not in setting.prices:
                raise InputError(f"{where}: {name}: the data have no price of it at the start")
            assets |= {known[name].base, known[name].settle}
        for asset in sorted(assets):
            if asset not in setting.index or asset not in setting.assets:
                priced = sorted(set(setting.index) & set(setting.assets))
                raise InputError(
                    f"{where}: {asset}: the data have no price of it at the start; they price "
                    f"{', '.join(priced)}"
                )


def uniform(seed: int, group: str, purpose: str, count: int) -> Floats:
    """Return numbers above 0 and below 1, the same for the same key and more of them for more."""
    key = hashlib.blake2b(f"{seed}\0{group}\0{purpose}".encode(), digest_size=16).digest()
    bits = np.random.Philox(key=np.frombuffer(key, dtype="<u8").astype(np.uint64))
    raw = bits.random_raw(count)
    return ((raw >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53


def _people(group: Group, count: int, setting: Setting) -> People:
    def numbers(purpose: str) -> Floats:
        return uniform(setting.seed, group.name, purpose, count)

    def some(purpose: str, share: float) -> Flags:
        return np.asarray(assigned(numbers(purpose), [share, 1 - share]) == 0)

    contracts = _contracts(group, setting)
    wealth = _wealth(group, numbers("wealth"))
    margin = wealth * _rounded(group.futures.quantile(numbers("futures")))
    hedged = some("hedged", group.hedge.share) if group.hedge else np.zeros(count, dtype=np.bool_)
    legs, coin = _legs(group, contracts, hedged, numbers)
    leverage = np.zeros(count)
    if group.leverage is not None:
        leverage = _rounded(group.leverage.quantile(numbers("leverage")))
    ratio = np.zeros(count)
    by_spot = group.hedge is not None and group.hedge.by == "spot"
    if group.hedge is not None:
        ratio = np.where(hedged, _rounded(group.hedge.ratio.quantile(numbers("ratio"))), 0.0)
        if not by_spot:
            other = [one.name for one in contracts].index(group.hedge.by)
            legs[:, other] = -np.sign(legs.sum(axis=1)) * ratio
    gross = np.abs(legs).sum(axis=1)
    shares = np.divide(np.abs(legs), gross[:, None], where=gross[:, None] > 0, out=legs * 0)
    loan = np.zeros(count)
    if group.loan is not None:
        borrowed = some("loan", group.loan.share)
        amount = _rounded(group.loan.amount.quantile(numbers("amount")))
        loan = np.where(borrowed, amount * wealth, 0.0)
    made = People(
        group=group,
        contracts=contracts,
        wealth=wealth,
        unified=_modes(group, setting.mode, numbers("mode")),
        lots=np.zeros(legs.shape, dtype=np.int64),
        notional=shares * (leverage * margin)[:, None] * np.sign(legs),
        margin=shares * margin[:, None],
        entry=np.zeros(legs.shape),
        gain=np.zeros(legs.shape),
        ratio=ratio if by_spot else np.zeros(count),
        coins=np.zeros(count),
        coin=coin,
        mix=_mix(group, numbers),
        loan=loan,
    )
    _size(made, setting, _rounded(group.entry.quantile(numbers("entry"))))
    return made


def _wealth(group: Group, drawn: Floats) -> Floats:
    """Return what each has; the number of accounts does not change what they have together."""
    wealth = group.wealth.quantile(drawn)
    if group.together is not None and len(wealth):
        # One value at a time: a sum in another order could differ in its last bit.
        wealth = wealth * (group.together / float(np.cumsum(wealth)[-1]))
    if (wealth > MOST_WEALTH).any():
        raise InputError(
            f"people: {group.name}: wealth: an account would have {wealth.max():.3g} USDT, and a "
            f"run holds at most {MOST_WEALTH:,.0f}"
        )
    return _rounded(wealth, 100)


def _contracts(group: Group, setting: Setting) -> list[Instrument]:
    """Return the contracts of a group, in the order in which its file names them."""
    by_name = {one.name: one for one in setting.instruments}
    names = list(group.instruments)
    if group.hedge and group.hedge.by != "spot":
        names.append(group.hedge.by)
    return [by_name[name] for name in names]


def _legs(
    group: Group, contracts: list[Instrument], hedged: Flags, numbers: Numbers
) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Return signed weights of positions [account, contract], and the contract (-1: none) whose
    base asset a spot hedge holds.
    """
    count = len(hedged)
    legs = np.zeros((count, len(contracts)))
    coin = np.full(count, -1, dtype=np.int64)
    weights = list(group.instruments.values())
    if not weights:
        return legs, coin
    by_spot = group.hedge is not None and group.hedge.by == "spot"
    # Coins offset a short future only; the shares of sides are those of the other accounts.
    free = ~hedged if by_spot else np.ones(count, dtype=np.bool_)
    side = np.full(count, -1.0)
    long = assigned(numbers("side")[free], [group.side.long, 1 - group.side.long]) == 0
    side[free] = np.where(long, 1.0, -1.0)
    chosen = assigned(numbers("instrument"), weights)
    if group.holds == "one":
        legs[np.arange(count), chosen] = side
    else:
        legs[:, : len(weights)] = side[:, None] * np.array(weights) / math.fsum(weights)
    if by_spot:
        coin = np.where(hedged, chosen, -1)
    return legs, coin


def _mix(group: Group, numbers: Numbers) -> Floats:
    """Return the shares of assets [account, asset], each group's mean near what its file says."""
    columns = []
    for asset, share in group.collateral.items():
        drawn = numbers(f"mix {asset}")
        if group.collateral_jitter and len(group.collateral) > 1:
            spread = exponentials(group.collateral_jitter * normal_quantiles(drawn))
            columns.append(share * _rounded(spread))
        else:
            columns.append(np.full(len(drawn), share))
    mix = np.stack(columns, axis=1)
    return np.asarray(mix / mix.sum(axis=1, keepdims=True))


def _modes(group: Group, mode: AccountMode, drawn: Floats) -> Flags:
    if isinstance(group.mode, Mixed):
        share = group.mode.unified
        return np.asarray(assigned(drawn, [share, 1 - share]) == 0)
    return np.full(len(drawn), (mode if group.mode == "run" else group.mode) == "unified")


def _size(made: People, setting: Setting, entry: Floats) -> None:
    """Cut positions down to what may be, to whole lots; set entries, profits, coins and loans."""
    group, wanted = made.group, np.abs(made.notional).sum(axis=1)
    modes: tuple[AccountMode, ...] = ("separated", "unified")
    if group.mode in ("separated", "unified"):
        modes = tuple(mode for mode in modes if mode == group.mode)
    borrowed = [(group.loan.asset, group.loan.into)] if group.loan else []
    factor = np.ones(made.size)
    limits = [limits_of(setting, mode, made.contracts, borrowed) for mode in modes]
    for one in limits:
        for at, contract in enumerate(made.contracts):
            notional = np.abs(made.notional[:, at])
            allowed = one.needs[contract.name].allowed(made.margin[:, at])
            np.minimum(factor, _ratio(allowed, notional), out=factor)
    made.notional *= factor[:, None]
    fit = _ratio(made.apart, made.ratio * made.hedged_notional)
    made.notional *= fit[:, None]
    if "separated" in modes:
        _cut_loans(made, limits[0])
    if "unified" in modes:
        pooled = _pooled(made, limits[-1])
        made.notional *= pooled[:, None]
        made.loan *= pooled
        factor *= pooled
    _whole_lots(made, setting)
    nearer = _enter(made, setting, entry)
    made.coins = made.ratio * made.hedged_notional
    lowered = (factor < 1) & (wanted > 0)
    made.tally = Tally(
        made.size,
        lowered=int(lowered.sum()),
        fewer_coins=int((fit < 1).sum()),
        without=int(((wanted > 0) & ~made.lots.any(axis=1)).sum()),
        nearer=int(nearer.sum()),
    )


def _ratio(most: Floats, wanted: Floats) -> Floats:
    """Return most / wanted where there is something wanted, else 1; at most 1."""
    found = np.divide(np.maximum(most, 0), wanted, where=wanted > 0, out=np.ones(len(wanted)))
    return np.minimum(found, 1)


def _cut_loans(made: People, limits: Limits) -> None:
    """Cut loans down to what the wealth beside the futures' margin carries in cross margin."""
    loan = made.group.loan
    if loan is None:
        return
    rest = made.apart
    assets = list(made.group.collateral)
    equity = sum(
        (limits.counted(asset, rest * made.mix[:, at]) for at, asset in enumerate(assets)),
        np.zeros(made.size),
    )
    haircut = 1 - float(limits.collateral.ratio_of(loan.into))
    needed = limits.loans[loan.asset] * (1 + ROOM) + haircut
    if needed > 0:
        made.loan = np.minimum(made.loan, equity / needed)


def _pooled(made: People, limits: Limits) -> Floats:
    """Return by how much positions and loans must shrink for one pool to carry them."""
    needed = np.zeros(made.size)
    for at, contract in enumerate(made.contracts):
        needed += limits.needs[contract.name].of(np.abs(made.notional[:, at]))
    equity = np.zeros(made.size)
    for at, asset in enumerate(made.group.collateral):
        equity += limits.counted(asset, made.wealth * made.mix[:, at])
    for at in np.unique(made.coin[made.coin >= 0]).tolist():
        # Coins of a spot hedge take the place of other assets; they may count less.
        here = made.coin == at
        value = np.where(here, made.ratio * made.hedged_notional, 0.0)
        base = made.contracts[at].base
        equity -= np.maximum(value - counted(limits.collateral, base, value), 0)
    spent = np.zeros(made.size)
    if made.group.loan is not None:
        loan = made.group.loan
        needed = needed + made.loan * limits.loans[loan.asset]
        spent = made.loan * (1 - float(limits.collateral.ratio_of(loan.into)))
    return _ratio(equity, needed * (1 + ROOM) + spent)


def _whole_lots(made: People, setting: Setting) -> None:
    """Round positions towards 0 to whole lots."""
    for at, one in enumerate(made.contracts):
        value = lot_value(one, setting)
        made.lots[:, at] = np.trunc(made.notional[:, at] / value).astype(np.int64)
        made.notional[:, at] = made.lots[:, at] * value


def _enter(made: People, setting: Setting, entry: Floats) -> Flags:
    """Set entry prices and profits; return whose entries were brought nearer to the price."""
    nearer = np.zeros(made.size, dtype=np.bool_)
    for at, one in enumerate(made.contracts):
        lots, price = made.lots[:, at], setting.prices[one.name]
        notional, most = np.abs(made.notional[:, at]), GAIN * made.margin[:, at]
        room = np.divide(most, notional, where=notional > 0, out=np.zeros(made.size))
        # Profit / notional: linear 1 - entry / price of a long, inverse price / entry - 1 (at the
        # price, in USD), and the opposite of a short; a bound on it is one on the entry.
        moved = 1 + entry
        if one.inverse:
            floor, roof = 1 / (1 + room), 1 / np.maximum(1 - room, 0.1)
        else:
            floor, roof = np.maximum(1 - room, 0.1), 1 + room
        kept = np.where(lots > 0, np.maximum(moved, floor), np.minimum(moved, roof))
        nearer |= (kept != moved) & (lots != 0)
        made.entry[:, at] = np.where(lots != 0, price * kept, 0.0)
        profit = 1 / kept - 1 if one.inverse else 1 - kept
        made.gain[:, at] = np.sign(lots) * notional * profit
    return nearer


def _rounded(values: Floats, parts: int = 10**6) -> Floats:
    """Return values rounded to 1 / parts."""
    return np.rint(values * parts) / parts
