cpdef long long scaled(long long value, long long numerator, long long divisor) noexcept
cpdef long long scaled_up(long long value, long long numerator, long long divisor) noexcept
