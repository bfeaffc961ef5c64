"""Margin arithmetic of a pool, on columns of floats: the compiled twin of ``reference.py``.

Amounts are float64 in USD and never booked.  Signed values are positive for long.  No function here
allocates, raises or knows a mode's name; array lengths are the caller's promise.

Scenario margin (vocabulary of SPAN)::

    net            = derivatives + the spot that offsets them        per underlying
    scan risk      = worst loss over the price x volatility grid     >= 0
    initial margin = sum of scan risks - inter-underlying credit

For linear products (spot, UM contracts) profit is linear in the price and volatility does not
enter, so the worst grid point is always an end of the price range and ``scan risk = |net| *
price_range``, without walking the grid.  Products that bend (options) need the grid itself.

Bracket margin: ``notional * mmr - cum``, see ``brackets.py``.
"""

from __future__ import annotations

import cython

MAX_UNDERLYINGS = 64
"""Most underlyings with a net delta that one call can match; ``scenario_columns`` refuses more."""

_EPSILON = 1e-12
"""Credit rates closer than this are equal: it keeps rounding from sending the search round a
cycle.  The credit can fall short of the largest by a few times this share of the gross scan risk.
"""

_UNREACHED = -1e300


def net_delta_value(derivative_value: cython.double, spot_value: cython.double) -> cython.double:
    """Return the signed delta value of one underlying that the scenarios move, in USD.

    An asset held (``spot_value`` >= 0) counts only as far as it offsets a short derivative, so
    that holding it never raises the requirement.  A net loan (``spot_value`` < 0) counts in full,
    as a short.
    """
    if spot_value < 0.0:
        return derivative_value + spot_value
    if derivative_value < 0.0:
        return min(derivative_value + spot_value, 0.0)
    return derivative_value


def scenario_initial_margin(
    derivative_value: cython.double[::1],
    spot_value: cython.double[::1],
    price_range: cython.double[::1],
    credit: cython.double[:, ::1],
    scan: cython.double[::1],
    n: cython.Py_ssize_t,
) -> cython.double:
    """Return the scenario initial margin of ``n`` underlyings, in USD; write their scan risks.

    - ``derivative_value``, ``spot_value``: [underlying] USD, see `net_delta_value`
    - ``price_range``: [underlying] share of the price, 0.1 = 10 %
    - ``credit``: [underlying, underlying] symmetric, ``rate * clip(correlation / reference, 0,
      1)``, at most 1/2; the diagonal is not read
    - ``scan``: [underlying] USD, written, >= 0

    A long and a short of two underlyings are matched on equal scan risk; the matched part earns
    the pair's credit on both legs, and scan risk is matched at most once (it may be split over
    partners). With more than MAX_UNDERLYINGS nets that are not zero no credit is given, which is
    never too low.

    Runtime complexity: O(n); with three or more nets and unequal rates a search over all pairs
    for every match.
    """
    # C arrays on the stack: a call must not allocate.
    long_of = cython.declare(cython.Py_ssize_t[64])
    short_of = cython.declare(cython.Py_ssize_t[64])
    supply = cython.declare(cython.double[64])
    demand = cython.declare(cython.double[64])
    longs: cython.Py_ssize_t = 0
    shorts: cython.Py_ssize_t = 0
    total: cython.double = 0.0
    i: cython.Py_ssize_t
    net: cython.double
    for i in range(n):
        net = net_delta_value(derivative_value[i], spot_value[i])
        scan[i] = abs(net) * price_range[i]
        total += scan[i]
        if scan[i] > 0.0 and longs < 64 and shorts < 64:
            if net > 0.0:
                long_of[longs] = i
                supply[longs] = scan[i]
                longs += 1
            else:
                short_of[shorts] = i
                demand[shorts] = scan[i]
                shorts += 1
    if longs == 0 or shorts == 0 or longs + shorts > 64:
        return total
    return total - _largest_credit(credit, long_of, short_of, supply, demand, longs, shorts)


def matched_credit(
    scan: cython.double[::1],
    side: cython.double[::1],
    credit: cython.double[:, ::1],
    n: cython.Py_ssize_t,
) -> cython.double:
    """Return the largest inter-underlying credit of ``n`` underlyings, USD, >= 0.

    ``side`` is the signed net delta: longs and shorts are matched on equal ``scan`` risk, as
    `scenario_initial_margin` says.
    """
    long_of = cython.declare(cython.Py_ssize_t[64])
    short_of = cython.declare(cython.Py_ssize_t[64])
    supply = cython.declare(cython.double[64])
    demand = cython.declare(cython.double[64])
    longs: cython.Py_ssize_t = 0
    shorts: cython.Py_ssize_t = 0
    i: cython.Py_ssize_t
    for i in range(n):
        if scan[i] <= 0.0 or side[i] == 0.0:
            continue
        if longs + shorts == 64:
            return 0.0
        if side[i] > 0.0:
            long_of[longs] = i
            supply[longs] = scan[i]
            longs += 1
        else:
            short_of[shorts] = i
            demand[shorts] = scan[i]
            shorts += 1
    if longs == 0 or shorts == 0:
        return 0.0
    return _largest_credit(credit, long_of, short_of, supply, demand, longs, shorts)


def _largest_credit(
    credit: cython.double[:, ::1],
    long_of: cython.pointer[cython.Py_ssize_t],
    short_of: cython.pointer[cython.Py_ssize_t],
    supply: cython.pointer[cython.double],
    demand: cython.pointer[cython.double],
    longs: cython.Py_ssize_t,
    shorts: cython.Py_ssize_t,
) -> cython.double:
    """Return the largest total credit between longs and shorts; use ``supply`` and ``demand`` up.

    A transportation problem.  Where all rates are equal any full matching is the best one.
    Otherwise taking the best pair first is *not* optimal: rates 0.5 and 0.4 over 0.4 and 0, all
    scan risks 1, give a credit of 1.0 by the best pair and 1.6 crosswise.  So the flow grows by
    the most profitable augmenting path until none gains (successive longest paths), which is
    optimal for every amount sent on the way.
    """
    flow = cython.declare(cython.double[1024])  # [long, short]; longs * shorts <= (64 / 2)^2
    from_long = cython.declare(cython.Py_ssize_t[64])
    from_short = cython.declare(cython.Py_ssize_t[64])
    i: cython.Py_ssize_t
    j: cython.Py_ssize_t
    attempt: cython.Py_ssize_t
    sent: cython.double = 0.0
    received: cython.double = 0.0
    total: cython.double = 0.0
    rate: cython.double = credit[long_of[0], short_of[0]]
    equal: cython.bint = True
    for i in range(longs):
        sent += supply[i]
        for j in range(shorts):
            flow[i * shorts + j] = 0.0
            if credit[long_of[i], short_of[j]] != rate:
                equal = False
    if equal:
        for j in range(shorts):
            received += demand[j]
        return 2.0 * rate * min(sent, received)
    # Each path uses up a long, a short or a pair.  The bound only stops what rounding might keep
    # alive.
    for attempt in range(16 * longs * shorts + 64):  # noqa: B007
        j = _best_path(
            credit, long_of, short_of, supply, demand, longs, shorts, flow, from_long, from_short
        )
        if j < 0 or not _send(supply, demand, longs, shorts, flow, from_long, from_short, j):
            break
    for i in range(longs):
        for j in range(shorts):
            total += 2.0 * credit[long_of[i], short_of[j]] * flow[i * shorts + j]
    return total


def _best_path(
    credit: cython.double[:, ::1],
    long_of: cython.pointer[cython.Py_ssize_t],
    short_of: cython.pointer[cython.Py_ssize_t],
    supply: cython.pointer[cython.double],
    demand: cython.pointer[cython.double],
    longs: cython.Py_ssize_t,
    shorts: cython.Py_ssize_t,
    flow: cython.pointer[cython.double],
    from_long: cython.pointer[cython.Py_ssize_t],
    from_short: cython.pointer[cython.Py_ssize_t],
) -> cython.Py_ssize_t:
    """Return the short at which the most profitable path of unmatched risk ends, -1 if none gains.

    Bellman-Ford from every long that has risk left: a pair earns its rate forward; taking matched
    risk back costs it.  Writes ``from_long`` [short]: the long before it, ``from_short`` [long]:
    the short before it, or -1 at the start.
    """
    gain_long = cython.declare(cython.double[64])
    gain_short = cython.declare(cython.double[64])
    i: cython.Py_ssize_t
    j: cython.Py_ssize_t
    best: cython.Py_ssize_t = -1
    sweep: cython.Py_ssize_t
    gain: cython.double
    changed: cython.bint
    for i in range(longs):
        gain_long[i] = 0.0 if supply[i] > 0.0 else _UNREACHED
        from_short[i] = -1
    for j in range(shorts):
        gain_short[j] = _UNREACHED
        from_long[j] = -1
    for sweep in range(longs + shorts):  # noqa: B007
        changed = False
        for i in range(longs):
            for j in range(shorts):
                gain = gain_long[i] + credit[long_of[i], short_of[j]]
                if gain > gain_short[j] + _EPSILON:
                    gain_short[j] = gain
                    from_long[j] = i
                    changed = True
        for i in range(longs):
            if supply[i] > 0.0:
                continue
            for j in range(shorts):
                gain = gain_short[j] - credit[long_of[i], short_of[j]]
                if flow[i * shorts + j] > 0.0 and gain > gain_long[i] + _EPSILON:
                    gain_long[i] = gain
                    from_short[i] = j
                    changed = True
        if not changed:
            break
    for j in range(shorts):
        if demand[j] > 0.0 and (best < 0 or gain_short[j] > gain_short[best]):
            best = j
    return best if best >= 0 and gain_short[best] > _EPSILON else -1


def _send(
    supply: cython.pointer[cython.double],
    demand: cython.pointer[cython.double],
    longs: cython.Py_ssize_t,
    shorts: cython.Py_ssize_t,
    flow: cython.pointer[cython.double],
    from_long: cython.pointer[cython.Py_ssize_t],
    from_short: cython.pointer[cython.Py_ssize_t],
    last: cython.Py_ssize_t,
) -> cython.bint:
    """Send as much as fits along the path that ends at the short ``last``; False if it has no
    start.
    """
    i: cython.Py_ssize_t = from_long[last]
    j: cython.Py_ssize_t
    step: cython.Py_ssize_t = 0
    amount: cython.double = demand[last]
    while from_short[i] >= 0 and step < longs:
        j = from_short[i]
        amount = min(amount, flow[i * shorts + j])
        i = from_long[j]
        step += 1
    if from_short[i] >= 0:
        return False
    amount = min(amount, supply[i])
    supply[i] -= amount
    demand[last] -= amount
    i = from_long[last]
    flow[i * shorts + last] += amount
    while from_short[i] >= 0:
        j = from_short[i]
        flow[i * shorts + j] -= amount
        i = from_long[j]
        flow[i * shorts + j] += amount
    return True


def bracket_maintenance_margin(
    notional: cython.double,
    cap: cython.double[::1],
    rate: cython.double[::1],
    cum: cython.double[::1],
    first: cython.Py_ssize_t,
    end: cython.Py_ssize_t,
) -> cython.double:
    """Return the maintenance margin of one position, in the unit of its absolute ``notional``.

    The instrument's brackets are rows ``first`` to ``end`` (exclusive, at least one) of ``cap``,
    ``rate`` and ``cum``, caps ascending; a notional at a cap belongs to the next bracket, and one
    past the last cap keeps the last bracket's rate.

    Runtime complexity: O(brackets).
    """
    b: cython.Py_ssize_t = first
    while b < end - 1 and notional >= cap[b]:
        b += 1
    return notional * rate[b] - cum[b]


def bracket_initial_margin(notional: cython.double, leverage: cython.double) -> cython.double:
    """Return ``notional / leverage``: what opening a position needs, in the notional's unit."""
    return notional / leverage


def risk_level(
    equity: cython.double, maintenance: cython.double, ladder: cython.double[::1]
) -> cython.int:
    """Return `level_at` of a ladder: the thresholds of MARGIN_CALL, REDUCE_ONLY, LIQUIDATION."""
    return level_at(equity, maintenance, ladder[0], ladder[1], ladder[2])


def level_at(
    equity: cython.double,
    maintenance: cython.double,
    margin_call: cython.double,
    reduce_only: cython.double,
    liquidation: cython.double,
) -> cython.int:
    """Return the `RiskLevel` (0 NORMAL ... 4 BANKRUPT) of a pool, decided without dividing.

    The thresholds are on equity / maintenance, falling; 0 = the rung is absent.  At a threshold
    the pool belongs to the worse level.  A pool that must keep nothing is NORMAL, or BANKRUPT
    where it owes (equity < 0).
    """
    if maintenance <= 0.0:
        return 4 if equity < 0.0 else 0
    if equity <= 0.0:
        return 4
    if liquidation > 0.0 and equity <= liquidation * maintenance:
        return 3
    if reduce_only > 0.0 and equity <= reduce_only * maintenance:
        return 2
    if margin_call > 0.0 and equity <= margin_call * maintenance:
        return 1
    return 0


def collateral_value(
    amount: cython.double, index: cython.double, ratio: cython.double
) -> cython.double:
    """Return what ``amount`` of an asset counts as equity, in USD: ``min(x * index * ratio, x *
    index)``.

    The haircut takes from what is held; what is owed (``amount`` < 0) counts in full.
    """
    value: cython.double = amount * index
    return min(value * ratio, value)
