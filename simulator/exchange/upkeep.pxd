from simulator.exchange.closing cimport Closing
from simulator.exchange.marks cimport Marks
from simulator.risk.bands cimport Bands
from simulator.risk.ewma cimport Ewma

cdef class Upkeep(Marks):
    cdef object cold
    cdef Closing engine
    # risk
    cdef readonly Bands bands
    cdef readonly double worst_ratio
    cdef readonly double peak_initial
    cdef readonly double peak_maintenance
    # of further accounts that trade, by number: lowest ratio; sums of a check and their peaks,
    # initial and maintenance
    cdef int trading
    cdef double[::1] worst_of
    cdef double[:, ::1] sum_of
    cdef double[:, ::1] peak_of
    # samples
    cdef long long sample_step
    cdef long long next_sample
    cdef readonly long long n_samples
    cdef readonly long long[::1] sample_time
    cdef readonly double[:, ::1] sample_pools
    cdef readonly double[:, ::1] sample_prices
    cdef readonly long long[:, ::1] sample_lots
    cdef int account
    # wallets that exist now, and whether the mode is the unified one
    cdef int[::1] own
    cdef bint unified
    cdef int bands_from
    # lowest balance of a wallet's asset that is not converted
    cdef long long[:, ::1] convert_below
    cdef bint converts
    # the same of a crowd's wallets, by kind of pool and asset
    cdef object roster
    cdef int first_wallet
    cdef signed char[::1] wallet_kind
    cdef long long[:, ::1] crowd_convert
    cdef bint crowd_converts
    cdef long long next_hour
    cdef long long next_step
    cdef long long margin_step
    cdef public Ewma measured
    # what the last check of prices saw: index by asset; mark, volatility, forward by slot
    cdef long long seen_entries
    cdef double[::1] seen_index
    cdef double[:, ::1] seen
    # pools of the account that trades come first; crowded: there are others
    cdef int own_pools
    cdef bint crowded
    cdef bint moves_books
    # pools found at their threshold in this check, and whether they are being liquidated
    cdef int n_called
    cdef int[::1] called
    cdef double[::1] called_ratio
    cdef bint acting
    cdef bint always
    cdef public bint unpriced
    cdef public bint watched
    cdef readonly double[::1] sample_equity
    cdef readonly int[::1] sample_unified

    cpdef long long mark(self) except? -1
    cdef int _margin_step(self) except? -1
    cpdef int check(self) except? -1
    cpdef int row(self, int instrument, int kind, int side, long long price, long long quantity, long long number) except? -1
    cpdef int check_prices(self) except? -1
    cdef bint _moved(self) noexcept
    cdef int _check_due(self) except? -1
    cdef int _judge(self, int pool) except? -1
    cdef int _act(self) except? -1
    cdef void _peaks(self, double initial, double maintenance) noexcept
    cdef void _worst(self, int account, double ratio) noexcept
    cdef void _add(self, int pool) noexcept
    cdef void _peaks_of_others(self) noexcept
    cdef int _convert(self) except? -1
    cdef int _convert_crowd(self) except? -1
    cdef bint _too_low(self, int wallet) noexcept
    cdef void sample(self) noexcept
    cpdef double account_value(self) noexcept
