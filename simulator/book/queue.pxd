cpdef double natural_log(double x) noexcept
cpdef double advance(
    int model, double power, double ahead, double previous, double new, double traded
) noexcept
