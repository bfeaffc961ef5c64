"""Margin pools over the ledger's columns: equity, requirement and level of each (hot module).

A pool is a wallet with the positions that it margins: a shared wallet with all its cross positions,
or one isolated position.  The account mode decided the partition when the pools were made; nothing
here asks for it.  A pool's *kind* (unified, margin, um, cm, options) names its ladder, its model
and its haircuts.  Positions stand in *slots*: one an instrument, or two in hedge mode.

Figures are float64 in USD, never booked.  The parts of the requirement are those of
``simulator.risk.components``; arithmetic is in ``kernels``, ``options`` and ``scan``; the readable
twin is ``simulator.risk.reference``.  Every evaluation starts from the columns and leaves nothing
behind but figures, so the order of evaluations does not matter.
"""

import cython

if cython.compiled:
    from cython.cimports.simulator.risk.kernels import level_at
    from cython.cimports.simulator.risk.requirement import Requirement, tiered
else:
    from simulator.risk.kernels import level_at
    from simulator.risk.requirement import Requirement, tiered

SPOT = cython.declare(cython.int, 0)
LINEAR = cython.declare(cython.int, 1)
INVERSE = cython.declare(cython.int, 2)
OPTION = cython.declare(cython.int, 3)
LOAN = cython.declare(cython.int, 5)


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def place_of(
    account: cython.int, i: cython.int, instruments: cython.int, size: cython.Py_ssize_t
) -> cython.int:
    """Return where an account's leverage of an instrument stands: a row of instruments for each
    account that has leverage of its own, from number 1 on; all others go by the first row.
    """
    at: cython.Py_ssize_t = cython.cast(cython.Py_ssize_t, account - 1) * instruments + i
    return cython.cast(cython.int, at) if i <= at < size else i


@cython.cclass
class Pools(Requirement):
    """Equity, requirements and levels of all margin pools.

    - ``pools`` [pool, 5]: account, wallet, isolated slot or -1, kind, currency asset or -1 = USD
    - ``pool_of`` [account, slot]: the pool that margins a position, -1 for none
    - ``columns``: `simulator.risk.columns.MarginColumns`

    ``level`` is of the last evaluation, whoever asked for it, ``checked`` of the last check by the
    venue.  Marks and index prices start at 0 = not known yet; ``volatility`` [instrument] is an
    option's own; where that is 0 ``volatility_of`` [underlying] stands in, else the one that its
    mark implies.  Options are valued at ``time_ns``, see ``advance``, on ``forward`` [instrument]
    where given, else the mark of a delivery future of the same expiry, else ``index * exp(rate *
    years)``.
    """

    # Equity

    @cython.cfunc
    @cython.exceptval(check=False)
    def settled_value(self, account: cython.int, slot: cython.int, i: cython.int) -> cython.double:
        """What a position adds to equity, in its settlement asset."""
        lots: cython.double = self.ledger.quantity[account, slot]
        if self.product[i] == OPTION:
            return lots * self.lot[i] * self.mark[i]
        if self.product[i] == LINEAR:
            return (
                lots * self.lot[i] * self.mark[i]
                - self.ledger.cost[account, slot] * self.unit[self.settle[i]]
            )
        if self.mark[i] <= 0.0:
            return 0.0
        return (
            -lots * self.lot[i] / self.mark[i]
            - self.ledger.cost[account, slot] * self.unit[self.settle[i]]
        )

    @cython.ccall
    @cython.exceptval(check=False)
    def position_value(self, account: cython.int, slot: cython.int) -> cython.double:
        """Return what a position adds to equity, USD: a contract's profit, an option's worth."""
        i: cython.int = self.instrument_of[slot]
        return self.settled_value(account, slot, i) * self.index[self.settle[i]]

    @cython.ccall
    @cython.exceptval(check=False)
    def equity_of(self, pool: cython.int) -> cython.double:
        """Return a pool's equity in USD, after haircuts where its kind has them.

        Assets less what is owed at index prices, profit and option value at marks; a haircut takes
        from an asset's sum, profit paid in it included.
        """
        wallet: cython.int = self.wallet[pool]
        account: cython.int = self.account[pool]
        haircut: cython.bint = self.haircut[self.kind[pool]]
        total: cython.double = 0.0
        amount: cython.double
        asset: cython.int
        n: cython.Py_ssize_t
        slot: cython.int
        i: cython.int
        if haircut:
            return self.account_equity_of(pool)
        for asset in range(self.assets):
            amount = self.owned(wallet, asset)
            if amount != 0.0:
                total += amount * self.index[asset]
        for n in range(self.slot_first[pool], self.slot_first[pool + 1]):
            slot = self.pool_slots[n]
            i = self.instrument_of[slot]
            if self.ledger.quantity[account, slot] != 0:
                total += self.settled_value(account, slot, i) * self.index[self.settle[i]]
        return total

    @cython.cfunc
    @cython.exceptval(check=False)
    def account_equity_of(self, pool: cython.int) -> cython.double:
        wallet: cython.int = self.wallet[pool]
        account: cython.int = self.account[pool]
        total: cython.double = 0.0
        value: cython.double
        asset: cython.int
        n: cython.Py_ssize_t
        slot: cython.int
        i: cython.int
        for asset in range(self.assets):
            self.pnl[asset] = 0.0
        for n in range(self.slot_first[pool], self.slot_first[pool + 1]):
            slot = self.pool_slots[n]
            i = self.instrument_of[slot]
            if self.ledger.quantity[account, slot] != 0:
                self.pnl[self.settle[i]] += self.settled_value(account, slot, i)
        for asset in range(self.assets):
            value = (self.owned(wallet, asset) + self.pnl[asset]) * self.index[asset]
            if value > 0.0:
                value = self.collateral(self.kind[pool], asset, value)
            total += value
        return total

    @cython.cfunc
    @cython.exceptval(check=False)
    def collateral(
        self, kind: cython.int, asset: cython.int, value: cython.double
    ) -> cython.double:
        """What a value above 0 counts as, by the asset's ratio or its tiers."""
        first: cython.Py_ssize_t = self.ratio_first[kind * self.assets + asset]
        end: cython.Py_ssize_t = self.ratio_first[kind * self.assets + asset + 1]
        if first == end:
            return value * self.ratio[kind, asset]
        return tiered(value, self.ratio_floor, self.ratio_factor, first, end)

    # Requirement

    @cython.ccall
    @cython.exceptval(check=False)
    def evaluate(self, pool: cython.int) -> cython.void:
        """Recompute a pool's equity, initial and maintenance margin and level from scratch."""
        kind: cython.int = self.kind[pool]
        total: cython.double
        self.equity[pool] = self.equity_of(pool)
        if self.by_brackets[kind]:
            self.bracket_sums(pool, False)
            self.initial[pool] = self.sum_initial
            self.maintenance[pool] = self.sum_maintenance
        else:
            total = self.scenario_total(pool, False)
            if self.total_is_maintenance:
                self.maintenance[pool] = total
                self.initial[pool] = self.other_margin(pool, total)
            else:
                self.initial[pool] = total
                self.maintenance[pool] = self.other_margin(pool, total)
        self.level[pool] = self.level_of(pool, self.equity[pool], self.maintenance[pool])

    @cython.ccall
    @cython.exceptval(check=False)
    def level_of(
        self, pool: cython.int, equity: cython.double, maintenance: cython.double
    ) -> cython.int:
        """Return the `RiskLevel` that a pool would have with these figures."""
        rung: cython.int = 3 * (self.loan_tier[pool] * self.kinds + self.kind[pool])
        return level_at(
            equity,
            maintenance,
            self.ladder[rung],
            self.ladder[rung + 1],
            self.ladder[rung + 2],
        )

    @cython.ccall
    @cython.exceptval(check=False)
    def evaluate_all(self) -> cython.void:
        """Evaluate every pool, in order."""
        pool: cython.int
        for pool in range(self.count):
            self.evaluate(pool)

    @cython.ccall
    @cython.exceptval(check=False)
    def required(self, pool: cython.int, with_orders: cython.bint) -> cython.double:
        """Return the initial margin of a pool, USD; with its open orders if asked.

        With orders: by brackets the larger of all buys and all sells filled by position, by
        scenarios the worse of both by underlying; spot held for a sell offsets nothing then.
        """
        total: cython.double
        if self.by_brackets[self.kind[pool]]:
            self.bracket_sums(pool, with_orders)
            return self.sum_initial
        total = self.scenario_total(pool, with_orders)
        return self.other_margin(pool, total) if self.total_is_maintenance else total

    @cython.cfunc
    @cython.exceptval(check=False)
    def bracket_sums(self, pool: cython.int, with_orders: cython.bint) -> cython.void:
        """Sum up what each position and each loan needs by itself."""
        account: cython.int = self.account[pool]
        wallet: cython.int = self.wallet[pool]
        n: cython.Py_ssize_t
        slot: cython.int
        i: cython.int
        asset: cython.int
        tier: cython.int
        lots: cython.longlong
        owed: cython.longlong
        value: cython.double
        self.sum_initial = self.sum_maintenance = 0.0
        self.loans_part = self.loans_initial = self.options_part = 0.0
        for n in range(self.slot_first[pool], self.slot_first[pool + 1]):
            slot = self.pool_slots[n]
            i = self.instrument_of[slot]
            lots = self.ledger.quantity[account, slot]
            if with_orders:
                if self.product[i] == OPTION:
                    lots -= self.selling[account, slot]
                elif lots + self.buying[account, slot] >= self.selling[account, slot] - lots:
                    lots = lots + self.buying[account, slot]
                else:
                    lots = lots - self.selling[account, slot]
            if lots != 0:
                self.add_bracket(
                    place_of(account, i, self.instruments, self.leverage.shape[0]), lots
                )
        self.positions_part = self.sum_maintenance - self.options_part
        tier = self.loan_tier[pool]
        for asset in range(self.assets):
            owed = self.ledger.loan[wallet, asset] + self.ledger.interest[wallet, asset]
            if owed != 0:
                value = owed * self.unit[asset] * self.index[asset]
                self.loans_initial += value * self.loan_initial[tier]
                self.sum_initial += value * self.loan_initial[tier]
                self.sum_maintenance += value * self.loan_maintenance[tier]
                self.loans_part += value * self.loan_maintenance[tier]

    @cython.cfunc
    @cython.exceptval(check=False)
    def add_bracket(self, place: cython.int, signed_lots: cython.longlong) -> cython.void:
        """Add one position's margin by itself to the sums; ``place`` as of `place_of`."""
        i: cython.int = place if place < self.instruments else place % self.instruments
        b: cython.Py_ssize_t = self.bracket_first[i]
        last: cython.Py_ssize_t = self.bracket_first[i + 1] - 1
        lots: cython.double = signed_lots if signed_lots > 0 else -signed_lots
        index: cython.double = self.index[self.settle[i]]
        notional: cython.double
        leverage: cython.double = self.leverage[place]
        if self.product[i] == OPTION:
            if signed_lots < 0:
                self.add_short_option(i, lots * self.lot[i])
            return
        if self.product[i] == LINEAR:
            notional = lots * self.lot[i] * self.mark[i]
        elif self.mark[i] > 0.0:
            notional = lots * self.lot[i] / self.mark[i]
        else:
            return
        if last < b:
            return
        while b < last and notional >= self.cap[b]:
            b += 1
        self.sum_maintenance += (notional * self.bracket_rate[b] - self.cum[b]) * index
        if leverage < 0.0:
            leverage = -leverage
            if leverage > self.max_leverage[b]:
                leverage = self.max_leverage[b]
        self.sum_initial += notional / leverage * index

    @cython.cfunc
    @cython.exceptval(check=False)
    def add_short_option(self, i: cython.int, quantity: cython.double) -> cython.void:
        """Add a short option's margin: ``OptionMarginRules``."""
        usd: cython.double = self.index[self.settle[i]]
        price: cython.double = self.index_of(self.underlying[i]) / usd if usd > 0.0 else 0.0
        mark: cython.double = self.mark[i]
        out: cython.double = self.strike[i] - price if self.call[i] else price - self.strike[i]
        least: cython.double
        initial: cython.double
        if not self.has_option_margin:
            return
        if out < 0.0:
            out = 0.0
        least = self.option_margin[2] * (price if price > mark else mark)
        least = least + mark + self.option_margin[3] * price
        initial = self.option_margin[0] * price - out
        if initial < self.option_margin[1] * price:
            initial = self.option_margin[1] * price
        initial += mark
        if initial < least:
            initial = least
        self.options_part += quantity * least * usd
        self.sum_maintenance += quantity * least * usd
        self.sum_initial += quantity * initial * usd

    # One position

    @cython.ccall
    @cython.exceptval(check=False)
    def margin_rate(self, place: cython.int) -> cython.double:
        """Initial margin of a lone position as a share of its notional; ``place`` as of
        `place_of`.
        """
        leverage: cython.double = self.leverage[place]
        u: cython.int = self.underlying[place % self.instruments]
        rate: cython.double
        if self.by_brackets[self.kind_of[place]]:
            return 1.0 / (leverage if leverage > 0.0 else -leverage)
        if self.first_worst < 0:
            return self.price_range[u]
        rate = self.scan.rise[u, self.grid[self.first_worst]]
        if self.scan.fall[u, self.grid[self.first_worst]] > rate:
            rate = self.scan.fall[u, self.grid[self.first_worst]]
        return rate * self.initial_over_maintenance if self.total_is_maintenance else rate

    @cython.ccall
    @cython.exceptval(check=False)
    def notional(self, instrument: cython.int, lots: cython.double) -> cython.double:
        """Value of ``lots`` at the mark price in USD; of an option its premium's."""
        usd: cython.double = self.index[self.settle[instrument]]
        if self.product[instrument] != INVERSE:
            return lots * self.lot[instrument] * self.mark[instrument] * usd
        if self.mark[instrument] <= 0.0:
            return 0.0
        return lots * self.lot[instrument] / self.mark[instrument] * usd

    @cython.ccall
    @cython.exceptval(check=False)
    def order_margin(self, account: cython.int, slot: cython.int) -> cython.double:
        """Initial margin that open orders add to an isolated position, USD."""
        i: cython.int = self.instrument_of[slot]
        lots: cython.longlong = self.ledger.quantity[account, slot]
        most: cython.longlong = lots + self.buying[account, slot]
        least: cython.longlong = self.selling[account, slot] - lots
        size: cython.longlong = lots if lots > 0 else -lots
        if least > most:
            most = least
        if most <= size:
            return 0.0
        return self.notional(i, most - size) * self.margin_rate(
            place_of(account, i, self.instruments, self.leverage.shape[0])
        )

    @cython.ccall
    @cython.exceptval(check=False)
    def loan_margin(self, pool: cython.int) -> cython.double:
        """Initial margin that a pool's requirement counts for its loans as such, USD.

        By brackets that of the margin leverage; by scenarios the loan charges, beside which a
        coin's loan is a short.
        """
        total: cython.double = 0.0
        c: cython.int
        if self.by_brackets[self.kind[pool]]:
            self.bracket_sums(pool, False)
            return self.loans_initial
        for c in range(self.components):
            if self.kind_of_part[c] == LOAN:
                total += self.loan_charge(self.wallet[pool], c)
        if self.factor_on_worst or not self.total_is_maintenance:
            return total
        return total * self.initial_over_maintenance

    # Views

    def figures(self, pool: int) -> tuple[float, float, float, int]:
        """Equity, initial margin, maintenance margin and level as last evaluated."""
        return (
            float(self.equity[pool]),
            float(self.initial[pool]),
            float(self.maintenance[pool]),
            int(self.level[pool]),
        )

    def components_of(self, pool: int) -> dict[str, float]:
        """Evaluate a pool and return the parts of its requirement by name, credits negative."""
        self.evaluate(pool)
        if self.by_brackets[self.kind[pool]]:
            return {
                "positions": float(self.positions_part),
                "options": float(self.options_part),
                "loans": float(self.loans_part),
            }
        names = self.names if self.columns.has_credit else self.names[: self.components]
        return {name: float(self.figure[c]) for c, name in enumerate(names)}

    def account_of(self, pool: int) -> int:
        """Number of the account whose pool it is."""
        return int(self.account[pool])

    def checked_level(self, pool: int) -> int:
        """Level as of the venue's last check."""
        return int(self.checked[pool])

    def set_checked(self, pool: int, level: int) -> None:
        """Take a level for that of the last check: the pool's before the partition changed."""
        self.checked[pool] = level

    def mark_price(self, instrument: int) -> float:
        """Mark price in quote units, 0 while unknown."""
        return float(self.mark[instrument])

    def set_mark(self, instrument: int, price: float) -> None:
        """Fix an instrument's mark price."""
        self.mark[instrument] = price

    def index_price(self, asset: int) -> float:
        """Index price in USD, 0 while unknown."""
        return float(self.index[asset])

    def set_index(self, asset: int, price: float) -> None:
        """Fix an asset's index price, USD."""
        self.index[asset] = price

    def set_forward(self, instrument: int, price: float) -> None:
        """Fix an option's forward in its settlement asset; 0 leaves it to the index."""
        self.forward[instrument] = price

    def set_volatility_of(self, underlying: int, volatility: float) -> None:
        """Set the volatility of an underlying's options that have none of their own."""
        self.volatility_of[underlying] = volatility

    def option_volatility(self, instrument: int) -> float:
        """Return an option's annual implied volatility, 0 while unknown."""
        return float(self.volatility[instrument])

    def set_volatility(self, instrument: int, volatility: float) -> None:
        """Set an option's annual implied volatility."""
        self.volatility[instrument] = volatility
