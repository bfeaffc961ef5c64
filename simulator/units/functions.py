"""Elementary functions with the same bits on every IEEE 754 machine (hot module).

``exp``, ``log``, ``pow`` and ``erfc`` of a C library differ in the last bit between libraries,
between their versions, and between processors with and without fused multiply-add; numpy's differ
with the width of the vectors.  These use ``+ - * /``, square roots and powers of two alone, in a
fixed order, so compiled and plain give the same figures everywhere.  They are right to one unit in
the last place (`exponential`, `logarithm`), to 1e-15 (`normal_cdf`, `normal_quantile`) and to
1e-15 times ``1 + abs(y * ln x)`` of the value (`power`).

Sources: argument reduction by ``ln 2`` in two parts, W. J. Cody and W. Waite, Software Manual for
the Elementary Functions, 1980; the normal distribution after J. F. Hart's rational approximation in
G. West, Better approximations to cumulative normal functions, 2005, and far out by Laplace's
continued fraction; its inverse is AS 241 of M. J. Wichura, The percentage points of the normal
distribution, 1988.
"""

from typing import Any

import cython
import numpy as np

if cython.compiled:
    from cython.cimports.libc.math import frexp, ldexp, sqrt
else:
    from math import frexp, ldexp, sqrt

LN2_HIGH = cython.declare(cython.double, 6.93147180369123816490e-01)
LN2_LOW = cython.declare(cython.double, 1.90821492927058770002e-10)
"""``ln 2`` in two parts: multiples of the first below 2**20 are exact."""

ONE_BY_LN2 = cython.declare(cython.double, 1.4426950408889634)
HALF_ROOT = cython.declare(cython.double, 0.7071067811865476)
ROOT_OF_TWO_PI = cython.declare(cython.double, 2.5066282746310002)
LARGEST_EXPONENT = cython.declare(cython.double, 709.782712893384)
LEAST_EXPONENT = cython.declare(cython.double, -745.1332191019412)
INFINITE = cython.declare(cython.double, float("inf"))
LARGEST = cython.declare(cython.double, 1.7976931348623157e308)


@cython.ccall
@cython.exceptval(check=False)
def exponential(x: cython.double) -> cython.double:
    """Return ``e ** x``: infinity where it passes a double's range, 0 below it.

    >>> exponential(0.0), round(exponential(1.0), 14), exponential(-800.0)
    (1.0, 2.71828182845905, 0.0)
    """
    if x != x:
        return x
    if x > LARGEST_EXPONENT:
        return INFINITE
    if x < LEAST_EXPONENT:
        return 0.0
    whole: cython.int = cython.cast(cython.int, x * ONE_BY_LN2 + (0.5 if x >= 0.0 else -0.5))
    r: cython.double = (x - whole * LN2_HIGH) - whole * LN2_LOW
    # Taylor's series, |r| <= 0.347: what is left out is below 1e-17.
    q: cython.double = 1.0 / 6227020800.0
    q = q * r + 1.0 / 479001600.0
    q = q * r + 1.0 / 39916800.0
    q = q * r + 1.0 / 3628800.0
    q = q * r + 1.0 / 362880.0
    q = q * r + 1.0 / 40320.0
    q = q * r + 1.0 / 5040.0
    q = q * r + 1.0 / 720.0
    q = q * r + 1.0 / 120.0
    q = q * r + 1.0 / 24.0
    q = q * r + 1.0 / 6.0
    q = q * r + 0.5
    return ldexp(1.0 + (r + r * r * q), whole)


@cython.ccall
@cython.exceptval(check=False)
def logarithm(x: cython.double) -> cython.double:
    """Return ``ln x``: minus infinity at 0, not a number below.

    >>> logarithm(1.0), logarithm(10.0), logarithm(0.0)
    (0.0, 2.302585092994046, -inf)
    """
    if x <= 0.0:
        return -INFINITE if x == 0.0 else INFINITE - INFINITE
    if not x <= LARGEST:  # infinity, and what is no number
        return x
    halvings: cython.int = 0
    m: cython.double
    if cython.compiled:
        m = frexp(x, cython.address(halvings))
    else:
        m, halvings = frexp(x)
    if m < HALF_ROOT:
        m = m * 2.0
        halvings -= 1
    # With s = f / (2 + f): ln(1 + f) = 2 artanh s = f - s (f - R), |s| <= 0.172.
    f: cython.double = m - 1.0
    s: cython.double = f / (2.0 + f)
    z: cython.double = s * s
    r: cython.double = 2.0 / 25.0
    r = r * z + 2.0 / 23.0
    r = r * z + 2.0 / 21.0
    r = r * z + 2.0 / 19.0
    r = r * z + 2.0 / 17.0
    r = r * z + 2.0 / 15.0
    r = r * z + 2.0 / 13.0
    r = r * z + 2.0 / 11.0
    r = r * z + 2.0 / 9.0
    r = r * z + 2.0 / 7.0
    r = r * z + 2.0 / 5.0
    r = r * z + 2.0 / 3.0
    r = r * z
    return halvings * LN2_HIGH - ((s * (f - r) - halvings * LN2_LOW) - f)


@cython.ccall
@cython.exceptval(check=False)
def power(x: cython.double, y: cython.double) -> cython.double:
    """Return ``x ** y`` of an ``x`` of 0 or more.

    >>> power(2.0, 0.0), power(1.0, 9.5), power(0.0, 0.5), round(power(2.0, 0.5), 12)
    (1.0, 1.0, 0.0, 1.414213562373)
    """
    if y == 0.0 or x == 1.0:
        return 1.0
    if y == 1.0:
        return x
    if x == 0.0:
        return 0.0 if y > 0.0 else INFINITE
    return exponential(y * logarithm(x))


@cython.ccall
@cython.exceptval(check=False)
def normal_cdf(x: cython.double) -> cython.double:
    """Return the standard normal distribution function.

    >>> normal_cdf(0.0), round(normal_cdf(1.0), 12), normal_cdf(-40.0)
    (0.5, 0.841344746069, 0.0)
    """
    size: cython.double = x if x >= 0.0 else -x
    tail: cython.double = 0.0
    if x == 0.0:
        return 0.5
    if size < 38.6:
        tail = exponential(-0.5 * size * size)
        if size < 5.0:
            tail = tail * _upper(size) / _lower(size)
        else:
            tail = tail / (_fraction(size) * ROOT_OF_TWO_PI)
    elif x != x:
        return x
    return 1.0 - tail if x > 0.0 else tail


@cython.cfunc
@cython.exceptval(check=False)
def _upper(x: cython.double) -> cython.double:
    p: cython.double = 3.52624965998911e-02 * x + 0.700383064443688
    p = p * x + 6.37396220353165
    p = p * x + 33.912866078383
    p = p * x + 112.079291497871
    p = p * x + 221.213596169931
    return p * x + 220.206867912376


@cython.cfunc
@cython.exceptval(check=False)
def _lower(x: cython.double) -> cython.double:
    q: cython.double = 8.83883476483184e-02 * x + 1.75566716318264
    q = q * x + 16.064177579207
    q = q * x + 86.7807322029461
    q = q * x + 296.564248779674
    q = q * x + 637.333633378831
    q = q * x + 793.826512519948
    return q * x + 440.413735824752


@cython.cfunc
@cython.exceptval(check=False)
def _fraction(x: cython.double) -> cython.double:
    """Return the continued fraction of Mills' ratio, x + 1 / (x + 2 / (x + ...)), for x > 5."""
    fraction: cython.double = x
    step: cython.int
    for step in range(24, 0, -1):
        fraction = x + step / fraction
    return fraction


@cython.ccall
@cython.exceptval(check=False)
def normal_quantile(p: cython.double) -> cython.double:
    """Return where the standard normal distribution function is ``p``, above 0 and below 1.

    >>> normal_quantile(0.5), round(normal_quantile(0.975), 12)
    (0.0, 1.95996398454)
    """
    q: cython.double = p - 0.5
    r: cython.double
    if -0.425 <= q <= 0.425:
        r = 0.180625 - q * q
        return q * _middle(r)
    r = p if q < 0.0 else 1.0 - p
    if r <= 0.0:
        return -INFINITE if q < 0.0 else INFINITE
    r = sqrt(-logarithm(r))
    found: cython.double = _near_tail(r - 1.6) if r <= 5.0 else _far_tail(r - 5.0)
    return -found if q < 0.0 else found


@cython.cfunc
@cython.exceptval(check=False)
def _middle(r: cython.double) -> cython.double:
    a: cython.double = 2.5090809287301226727e3 * r + 3.3430575583588128105e4
    a = a * r + 6.7265770927008700853e4
    a = a * r + 4.5921953931549871457e4
    a = a * r + 1.3731693765509461125e4
    a = a * r + 1.9715909503065514427e3
    a = a * r + 1.3314166789178437745e2
    a = a * r + 3.3871328727963666080e0
    b: cython.double = 5.2264952788528545610e3 * r + 2.8729085735721942674e4
    b = b * r + 3.9307895800092710610e4
    b = b * r + 2.1213794301586595867e4
    b = b * r + 5.3941960214247511077e3
    b = b * r + 6.8718700749205790830e2
    b = b * r + 4.2313330701600911252e1
    return a / (b * r + 1.0)


@cython.cfunc
@cython.exceptval(check=False)
def _near_tail(r: cython.double) -> cython.double:
    c: cython.double = 7.74545014278341407640e-4 * r + 2.27238449892691845833e-2
    c = c * r + 2.41780725177450611770e-1
    c = c * r + 1.27045825245236838258e0
    c = c * r + 3.64784832476320460504e0
    c = c * r + 5.76949722146069140550e0
    c = c * r + 4.63033784615654529590e0
    c = c * r + 1.42343711074968357734e0
    d: cython.double = 1.05075007164441684324e-9 * r + 5.47593808499534494600e-4
    d = d * r + 1.51986665636164571966e-2
    d = d * r + 1.48103976427480074590e-1
    d = d * r + 6.89767334985100004550e-1
    d = d * r + 1.67638483018380384940e0
    d = d * r + 2.05319162663775882187e0
    return c / (d * r + 1.0)


@cython.cfunc
@cython.exceptval(check=False)
def _far_tail(r: cython.double) -> cython.double:
    e: cython.double = 2.01033439929228813265e-7 * r + 2.71155556874348757815e-5
    e = e * r + 1.24266094738807843860e-3
    e = e * r + 2.65321895265761230930e-2
    e = e * r + 2.96560571828504891230e-1
    e = e * r + 1.78482653991729133580e0
    e = e * r + 5.46378491116411436990e0
    e = e * r + 6.65790464350110377720e0
    f: cython.double = 2.04426310338993978564e-15 * r + 1.42151175831644588870e-7
    f = f * r + 1.84631831751005468180e-5
    f = f * r + 7.86869131145613259100e-4
    f = f * r + 1.48753612908506148525e-2
    f = f * r + 1.36929880922735805310e-1
    f = f * r + 5.99832206555887937690e-1
    return e / (f * r + 1.0)


def exponentials(values: Any) -> Any:
    """Return ``e ** x`` of each value of an array of float64, as a new array."""
    given: cython.double[::1] = np.ascontiguousarray(values, dtype=np.float64).reshape(-1)
    made = np.empty(np.shape(values))
    found: cython.double[::1] = made.reshape(-1)
    i: cython.Py_ssize_t
    for i in range(found.shape[0]):
        found[i] = exponential(given[i])
    return made


def powers(values: Any, exponent: cython.double) -> Any:
    """Return ``x ** exponent`` of each value (0 or more) of an array, as a new array."""
    given: cython.double[::1] = np.ascontiguousarray(values, dtype=np.float64).reshape(-1)
    made = np.empty(np.shape(values))
    found: cython.double[::1] = made.reshape(-1)
    i: cython.Py_ssize_t
    for i in range(found.shape[0]):
        found[i] = power(given[i], exponent)
    return made


def normal_quantiles(values: Any) -> Any:
    """Return `normal_quantile` of each value of an array, as a new array."""
    given: cython.double[::1] = np.ascontiguousarray(values, dtype=np.float64).reshape(-1)
    made = np.empty(np.shape(values))
    found: cython.double[::1] = made.reshape(-1)
    i: cython.Py_ssize_t
    for i in range(found.shape[0]):
        found[i] = normal_quantile(given[i])
    return made
