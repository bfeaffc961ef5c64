"""Integer arithmetic that stays inside 64 bits (hot module).

Money is int64 in an asset's smallest unit.  A product of two amounts can pass 2**63 and C wraps
silently, so ``scaled`` multiplies quotient and remainder apart; its result is exact as long as the
result itself fits.
"""

import cython

NARROW = cython.declare(cython.longlong, 3_000_000_000)
"""Below the root of 2**63: of two factors, one must stay under it."""


@cython.ccall
@cython.exceptval(check=False)
def scaled(
    value: cython.longlong, numerator: cython.longlong, divisor: cython.longlong
) -> cython.longlong:
    """Return ``value * numerator / divisor`` for values >= 0, rounded down.

    Needs ``0 <= numerator`` and a result below 2**63.

    >>> scaled(10**15, 50_000, 10**8)
    500000000000
    """
    if divisor > NARROW and numerator > NARROW:
        return _wide(value, numerator, divisor)
    return value // divisor * numerator + value % divisor * numerator // divisor


def _wide(value: int, numerator: int, divisor: int) -> int:
    return value * numerator // divisor


@cython.ccall
@cython.exceptval(check=False)
def scaled_up(
    value: cython.longlong, numerator: cython.longlong, divisor: cython.longlong
) -> cython.longlong:
    """Return ``value * numerator / divisor`` for values >= 0, rounded up: who receives it gains.

    >>> scaled_up(1, 1, 2)
    1
    """
    rest: cython.longlong = value % divisor * numerator
    return value // divisor * numerator + (rest + divisor - 1) // divisor
