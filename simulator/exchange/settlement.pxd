from simulator.book.columns cimport Book
from simulator.book.triggers cimport Triggers
from simulator.events.records cimport Records
from simulator.exchange.orders cimport Orders
from simulator.ledger.columns cimport Ledger
from simulator.risk.pools cimport Pools

cdef class Settlement:
    cdef readonly Ledger ledger
    cdef readonly Pools pools
    cdef readonly Records records
    cdef readonly Orders orders
    cdef readonly list books
    cdef readonly list triggers
    cdef readonly long long now
    cdef int instruments
    # an instrument
    cdef int[::1] product
    cdef int[::1] base
    cdef int[::1] quote
    cdef int[::1] settled_in
    cdef int[::1] expired
    cdef long long[::1] base_unit
    cdef double[::1] lot_size
    cdef long long[::1] tick_e8
    cdef long long[::1] last
    cdef long long[::1] min_lots
    cdef long long[::1] max_lots
    cdef long long[::1] min_value
    cdef double[::1] max_notional
    # an account
    cdef int[:, ::1] cash_wallet
    cdef int[:, ::1] margin_wallet
    cdef int[:, ::1] cash_pool
    cdef int[:, ::1] lending_wallet
    cdef int[:, ::1] lending_pool
    cdef long long[:, ::1] premium_held
    cdef int[::1] suspended
    # whether a strategy trades for an account, and so hears of its orders
    cdef signed char[::1] trades
    # what the venue's own order traded, in units of the settlement asset
    cdef long long forced_value
    cdef readonly bint hedge
    cdef bint premium_in_cash
    cdef public long long next_duty
    cdef long long[:, ::1] fee_e8
    cdef int bnb
    cdef int[:, ::1] reducing
    cdef int lender
    # least equity that loans need by the margin leverage, a share of them
    cdef double loan_margin
    # whether free balances repay what is owed of their asset
    cdef public bint auto_repay
    # figures of the run
    cdef readonly long long n_orders
    cdef readonly long long n_fills
    cdef long long[::1] rejections
    cdef double[::1] fees_paid
    cdef long long[:, ::1] fill_row
    cdef readonly long long n_fill_rows
    cdef readonly double shortfall

    cdef void notify(self, int slot, long long code, long long price, long long lots, long long extra) noexcept
    cdef void record(self, int slot, long long code, long long price, long long lots) noexcept
    cdef void end(self, int slot, long long code, long long price, long long lots) noexcept
    cdef void reject(self, int slot, int reason) noexcept
    cdef void settle(self, int instrument) noexcept
    cdef void uncount(self, int slot, long long lots) noexcept
    cdef void hold(self, int slot, long long lots) noexcept
    cdef void apply_fill(self, int slot, long long price, long long lots, bint maker, bint against_market) noexcept
    cdef long long clip_reducing(self, int slot, long long lots) noexcept
    cdef void fill_spot(self, int slot, long long price, long long lots, bint maker) noexcept
    cdef void repay_free(self) noexcept
    cdef void repay_from(self, int slot, int asset, long long amount) noexcept
    cpdef long long pay_debt(self, int account, int wallet, int asset, long long amount) noexcept
    cdef void fill_margined(self, int slot, long long price, long long lots, bint maker, bint against_market) noexcept
    cdef double _index(self, int asset) noexcept
    cdef void _keep_fill(self, int slot, long long price, long long lots, bint maker, long long realized) noexcept
    cdef void keep_transfer(self, int account, int position, int side, long long price, long long lots, long long realized) noexcept
    cdef int wallet_of(self, int slot) noexcept
    cdef long long trading_fee(self, int slot, long long price, long long lots, bint maker) noexcept
    cdef long long fee_rate(self, int slot, int product, bint maker) noexcept
    cdef void charge(self, int account, int wallet, int asset, long long amount, int product) noexcept
    cdef void fit_isolated(self, int account, int position, long long before, long long price, long long realized) noexcept
    cdef void trim_reducing(self, int account, int position) noexcept
