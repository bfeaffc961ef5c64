"""Queue position: how many displayed lots stand before a resting order (hot module).

The tape says what a level holds, not who left it.  A model estimates how a decrease that no print
explains splits into lots before and behind our order.  The models and their names are hftbacktest's
(docs/order_fill); docs/matching.md states them as formulas.  The logarithm is our own, so that an
estimate, and with it a fill, is the same on every machine, whatever its C library.
"""

import cython

if cython.compiled:
    from cython.cimports.simulator.units.functions import power as raised
else:
    from simulator.units.functions import power as raised

RISK_AVERSE = cython.declare(cython.int, 0)
POWER = cython.declare(cython.int, 1)
LOG = cython.declare(cython.int, 2)
FIFO = cython.declare(cython.int, 3)

LN_2 = cython.declare(cython.double, 0.6931471805599453)


@cython.ccall
@cython.exceptval(check=False)
def natural_log(x: cython.double) -> cython.double:
    """Return ln(x) for x >= 1, from additions, products and quotients alone.

    x is halved into [1, 2), then the series of atanh((x - 1) / (x + 1)) is summed to double
    precision.

    >>> natural_log(1.0)
    0.0
    >>> round(natural_log(10.0), 12)
    2.302585092994
    """
    halvings: cython.int = 0
    while x >= 2.0:
        x = x * 0.5
        halvings += 1
    z: cython.double = (x - 1.0) / (x + 1.0)
    square: cython.double = z * z
    term: cython.double = z
    total: cython.double = 0.0
    k: cython.int
    for k in range(1, 40, 2):  # z <= 1/3: 3**-40 is below a double's resolution
        total += term / k
        term *= square
    return halvings * LN_2 + 2.0 * total


@cython.cfunc
@cython.exceptval(check=False)
def _weight(model: cython.int, power: cython.double, lots: cython.double) -> cython.double:
    if lots <= 0.0:
        return 0.0
    if model == LOG:
        return natural_log(1.0 + lots)
    whole: cython.int = cython.cast(cython.int, power)
    if whole == power and 0 < whole <= 8:
        result: cython.double = lots
        _i: cython.int
        for _i in range(1, whole):
            result *= lots
        return result
    return raised(lots, power)


@cython.ccall
@cython.exceptval(check=False)
def advance(
    model: cython.int,
    power: cython.double,
    ahead: cython.double,
    previous: cython.double,
    new: cython.double,
    traded: cython.double,
) -> cython.double:
    """Return an order's ``ahead`` after its level went from ``previous`` to ``new`` displayed lots.

    ``traded`` are the lots printed at the price since the last change; they moved the order up
    already. The result is within ``[0, new]``.
    """
    if model in (RISK_AVERSE, FIFO):
        return ahead if ahead < new else new
    change: cython.double = previous - new - traded
    if change >= 0.0:
        back: cython.double = previous - ahead
        behind: cython.double = _weight(model, power, back)
        before: cython.double = _weight(model, power, ahead)
        share: cython.double = 1.0
        if behind + before > 0.0:
            share = behind / (behind + before)
        excess: cython.double = back - share * change
        ahead = ahead - (1.0 - share) * change + (excess if excess < 0.0 else 0.0)
    if ahead > new:
        ahead = new
    return ahead if ahead > 0.0 else 0.0
