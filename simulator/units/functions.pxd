cpdef double exponential(double x) noexcept
cpdef double logarithm(double x) noexcept
cpdef double power(double x, double y) noexcept
cpdef double normal_cdf(double x) noexcept
cpdef double normal_quantile(double p) noexcept
