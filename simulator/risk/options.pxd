cdef double _NOTHING

cpdef double black76(
    double forward, double strike, double volatility, double years, double rate, bint call
) noexcept

cpdef double black76_delta(
    double forward, double strike, double volatility, double years, bint call
) noexcept

cpdef double term_factor(
    double years,
    double reference_days,
    double short_exponent,
    double long_exponent,
    double minimum_days,
) noexcept

cpdef double moved_volatility(
    double volatility, double amount, bint up, bint relative, double floor_up
) noexcept

cpdef double implied_volatility(
    double price, double forward, double strike, double years, double rate, bint call
) noexcept
