"""Safe bands: which pools a price move can concern, and only those are recomputed (hot module).

Every pool has a box over risk factors in which its level provably cannot change (see
``simulator.risk.bands_box``); the edges of all boxes are kept sorted per factor, one heap a side
(``simulator.risk.bands_edges``).  A move costs one comparison a side until it passes an edge; the
pools behind the edges it passed are recomputed and get new boxes.  Fills, postings and steps of
parameters void a box: see ``void``.  The outcome is that of recomputing every pool on every change.
"""

import cython
import numpy as np

if cython.compiled:
    from cython.cimports.simulator.ledger.columns import Ledger
    from cython.cimports.simulator.risk.bands_box import Box
    from cython.cimports.simulator.risk.bands_edges import Due, Heap
    from cython.cimports.simulator.risk.pools import Pools
else:
    from simulator.ledger.columns import Ledger
    from simulator.risk.bands_box import Box
    from simulator.risk.bands_edges import Due, Heap
    from simulator.risk.pools import Pools

SPOT = cython.declare(cython.int, 0)
INVERSE = cython.declare(cython.int, 2)
OPTION = cython.declare(cython.int, 3)
NO_EDGE = cython.declare(cython.double, 1e300)
YEAR_NS = cython.declare(cython.double, 365.0 * 86_400.0 * 1e9)

MEMORY = cython.declare(cython.double, 0.02)
"""Weight of the newest move in a factor's typical squared move."""


def _pools_by(owner, pools, owners: int):
    """Return pools in the order of their owners, and where each owner's begin [owners + 1]."""
    first = np.zeros(owners + 1, "i4")
    np.cumsum(np.bincount(owner, minlength=owners)[:owners], out=first[1:])
    found = pools[np.argsort(owner, kind="stable")].astype("i4")
    return memoryview(first), memoryview(found if len(found) else np.zeros(1, "i4"))


@cython.cclass
class Bands:
    """Boxes of all pools of a ``Pools``, and the levels that follow from them.

    Prices come through `mark`, or are written into the pools' columns and found by `refresh`.
    ``level`` is what recomputing on every change would have found.  `factor` gives the number of a
    factor; marks of instruments come first, then indices of assets.
    """

    def __init__(self, pools: Pools) -> None:
        self._adopt(pools)

    def _adopt(self, pools: Pools) -> None:
        """Start with the pools as they are: no boxes yet, all due."""
        n = max(1, pools.count)
        self.pools = pools
        self.rules_changed = pools.rules_changed
        self.partitioned = pools.partitioned
        self.instruments = pools.instruments
        self.assets = pools.assets
        self.box = Box(pools)
        self.value = self.box.value
        self.drift = self.box.drift
        self.upper = [Heap() for _ in range(self.box.factors)]
        self.lower = [Heap() for _ in range(self.box.factors)]
        self.version = memoryview(np.zeros(n, dtype="i4"))
        self.level = memoryview(np.zeros(n, dtype="i4"))
        self.due = Due(pools.count)
        self.recomputed = 0
        forwards = np.zeros(max(1, pools.instruments), "i4")
        for i in range(pools.instruments):
            if pools.product[i] == OPTION and pools.forward_from[i] >= 0:
                forwards[pools.forward_from[i]] = 1
        self.forwards = memoryview(forwards)
        live = np.asarray(pools.live)[: pools.n_live]
        ledger: Ledger = pools.ledger
        wallets = np.asarray(pools.wallet)[live] if len(live) else live
        accounts = np.asarray(pools.account)[live] if len(live) else live
        self.wallet_first, self.wallet_pools = _pools_by(wallets, live, ledger.wallets)
        self.account_first, self.account_pools = _pools_by(accounts, live, ledger.accounts)
        self.at = 0
        self.n_changes = 0
        self._changes(64)
        self._prices()
        self.void_all()

    def _changes(self, size: int) -> None:
        """Make room for ``size`` changes of level, keeping those there are."""
        kept = np.zeros((size, 4), "i8")
        if self.n_changes:
            kept[: self.n_changes] = np.asarray(self.changes)[: self.n_changes]
        self.changes = memoryview(kept)

    # Prices

    @cython.ccall
    @cython.exceptval(-1, check=True)
    def mark(self, factor: cython.int, value: cython.double) -> cython.int:
        """A factor moves to a value (basis: nothing happens, it follows from the prices); return
        how many levels changed.
        """
        self._write(factor, value)
        self._found(factor)
        return self.settle() if self.due.size else 0

    @cython.ccall
    @cython.exceptval(-1, check=True)
    def marks(
        self, factor: cython.int[::1], value: cython.double[::1], same: cython.int[::1]
    ) -> cython.longlong:
        """Many moves, one after the other; return how many levels changed.

        Row *k* of ``changes`` is (number of the move, pool, old level, new level).  Moves of equal
        ``same`` happen at one instant: the pools are looked at after the last of them.
        """
        k: cython.Py_ssize_t
        n: cython.Py_ssize_t = factor.shape[0]
        before: cython.longlong = self.n_changes
        for k in range(n):
            self.at = k
            self._write(factor[k], value[k])
            self._found(factor[k])
            if self.due.size and (k == n - 1 or same[k] != same[k + 1]):
                self.settle()
        return self.n_changes - before

    @cython.ccall
    @cython.exceptval(-1, check=True)
    def marks_all(
        self, factor: cython.int[::1], value: cython.double[::1], same: cython.int[::1]
    ) -> cython.longlong:
        """The same as `marks` by recomputing every pool at every instant: what the bands must
        equal, and what they save.
        """
        k: cython.Py_ssize_t
        n: cython.Py_ssize_t = factor.shape[0]
        before: cython.longlong = self.n_changes
        pool: cython.int
        live: cython.int
        for k in range(n):
            self.at = k
            self._write(factor[k], value[k])
            if k == n - 1 or same[k] != same[k + 1]:
                for live in range(self.pools.n_live):
                    pool = self.pools.live[live]
                    self.pools.evaluate(pool)
                    if self.pools.level[pool] != self.level[pool]:
                        self._changed(pool, self.pools.level[pool])
        self._prices()
        self.void_all()
        return self.n_changes - before

    @cython.ccall
    @cython.exceptval(-1, check=True)
    def refresh(self) -> cython.int:
        """Find what was written into the pools' columns and the ledger; pools that it concerns are
        due.
        """
        pools: Pools = self.pools
        i: cython.int
        if pools.partitioned != self.partitioned:
            self._adopt(pools)
        elif pools.rules_changed != self.rules_changed:
            self.rules_changed = pools.rules_changed
            self.new_rules()
        self.void_touched()
        for i in range(self.assets):
            if pools.index[i] != self.value[self.instruments + i]:
                self._index_moved(i)
        for i in range(self.instruments):
            if pools.mark[i] != self.value[i]:
                self._mark_moved(i)
            if pools.product[i] == OPTION:
                self._option_moved(i)
        return self._time_moved()

    @cython.cfunc
    @cython.exceptval(check=False)
    def _write(self, factor: cython.int, value: cython.double) -> cython.void:
        """Write a factor into the pools' columns."""
        if factor < self.box.index_at:
            self.pools.mark[factor] = value
        elif factor < self.box.basis_at:
            self.pools.index[factor - self.box.index_at] = value
        elif factor < self.box.volatility_at:
            pass
        elif factor < self.box.forward_at:
            self.pools.volatility[factor - self.box.volatility_at] = value
        elif factor < self.box.time_at:
            self.pools.forward[factor - self.box.forward_at] = value
        else:
            self.pools.advance(
                cython.cast(cython.longlong, value * YEAR_NS)
                if cython.compiled
                else int(value * YEAR_NS)
            )

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _found(self, factor: cython.int) -> cython.int:
        """Look at the edges of a factor that was written, and of those that follow from it."""
        if factor < self.box.index_at:
            return self._mark_moved(factor)
        if factor < self.box.basis_at:
            return self._index_moved(factor - self.box.index_at)
        if factor < self.box.volatility_at:
            return 0
        if factor < self.box.forward_at:
            return self._option_moved(factor - self.box.volatility_at)
        if factor < self.box.time_at:
            return self._option_moved(factor - self.box.forward_at)
        return self._time_moved()

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _option_moved(self, i: cython.int) -> cython.int:
        self._moved(self.box.volatility_at + i, self._volatility(i))
        return self._moved(self.box.forward_at + i, self._forward(i))

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _time_moved(self) -> cython.int:
        now: cython.double = self.pools.time_ns / YEAR_NS
        if self.value[self.box.time_at] == 0.0 and now > 0.0:
            # Years to expiry, which bound charges, are known from now on.
            self.box.learn_rules()
            self.void_all()
        return self._moved(self.box.time_at, now)

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _mark_moved(self, i: cython.int) -> cython.int:
        option: cython.int
        self._moved(i, self.pools.mark[i])
        if self.forwards[i]:
            for option in range(self.instruments):
                if self.pools.forward_from[option] == i and self.pools.product[option] == OPTION:
                    self._option_moved(option)
        return self._moved(self.box.basis_at + i, self._basis(i))

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _index_moved(self, asset: cython.int) -> cython.int:
        i: cython.int
        u: cython.int = self.pools.asset_underlying[asset]
        if self.pools.index[asset] == self.value[self.box.index_at + asset]:
            return 0
        self._moved(self.box.index_at + asset, self.pools.index[asset])
        if self.box.settling[asset]:
            # Every value in a settlement asset depends on its index; that of cash never moves.
            self._prices()
            self.void_all()
            return 0
        for i in range(self.instruments):
            if self.pools.underlying[i] == u and self.pools.product[i] != SPOT:
                self._moved(self.box.basis_at + i, self._basis(i))
        return 0

    @cython.cfunc
    @cython.exceptval(check=False)
    def _basis(self, i: cython.int) -> cython.double:
        """Mark price relative to the index price of the underlying, 0 while either is unknown."""
        pools: Pools = self.pools
        asset: cython.int = pools.asset_of[pools.underlying[i]] if pools.product[i] != SPOT else -1
        if asset < 0 or pools.index[asset] <= 0.0:
            return 0.0
        if pools.product[i] == INVERSE:
            return pools.mark[i] / pools.index[asset]
        return pools.mark[i] * pools.index[pools.settle[i]] / pools.index[asset]

    @cython.cfunc
    @cython.exceptval(check=False)
    def _volatility(self, i: cython.int) -> cython.double:
        """Volatility that values an option, 0 where its price has to say it."""
        if self.pools.volatility[i] > 0.0:
            return self.pools.volatility[i]
        return self.pools.volatility_of[self.pools.underlying[i]]

    @cython.cfunc
    @cython.exceptval(check=False)
    def _forward(self, i: cython.int) -> cython.double:
        """Forward price of an option, 0 where the index has to say it."""
        if self.pools.forward[i] > 0.0 or self.pools.forward_from[i] < 0:
            return self.pools.forward[i]
        return self.pools.mark[self.pools.forward_from[i]]

    def _prices(self) -> None:
        """Take over all prices without looking at edges."""
        pools: Pools = self.pools
        for i in range(self.instruments):
            self.value[i] = pools.mark[i]
            self.value[self.box.basis_at + i] = self._basis(i)
            if pools.product[i] == OPTION:
                self.value[self.box.volatility_at + i] = self._volatility(i)
                self.value[self.box.forward_at + i] = self._forward(i)
        for asset in range(self.assets):
            self.value[self.box.index_at + asset] = pools.index[asset]
        self.value[self.box.time_at] = pools.time_ns / YEAR_NS

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _moved(self, f: cython.int, value: cython.double) -> cython.int:
        """A factor has a new value: the pools whose edges it passed are due."""
        step: cython.double = value - self.value[f]
        if step == 0.0:
            return 0
        self.value[f] = value
        self.drift[f] += MEMORY * (step * step - self.drift[f])
        heap: Heap = self.upper[f]
        pool: cython.int
        while heap.top < value:
            pool = heap.pop()
            if heap.popped == self.version[pool]:
                self.due.add(pool)
        heap = self.lower[f]
        while heap.top < -value:
            pool = heap.pop()
            if heap.popped == self.version[pool]:
                self.due.add(pool)
        return 0

    # Levels

    def void(self, pool: int) -> None:
        """A pool's holdings or rules changed: its box is worth nothing, it is due."""
        self.due.add(pool)

    @cython.ccall
    @cython.exceptval(-1, check=True)
    def void_touched(self) -> cython.int:
        """Void what the ledger's entries since the last call changed."""
        ledger: Ledger = self.pools.ledger
        k: cython.int
        what: cython.int
        for k in range(ledger.n_touched):
            what = ledger.touched[k]
            ledger.was_touched[what] = 0
            if what < ledger.wallets:
                self.void_wallet(what)
            else:
                self.void_account(what - ledger.wallets)
        ledger.n_touched = 0
        return 0

    @cython.ccall
    @cython.exceptval(check=False)
    def void_account(self, account: cython.int) -> cython.void:
        """Something of an account changed: all its pools are due."""
        k: cython.int
        for k in range(self.account_first[account], self.account_first[account + 1]):
            self.due.add(self.account_pools[k])

    @cython.ccall
    @cython.exceptval(check=False)
    def void_wallet(self, wallet: cython.int) -> cython.void:
        """A wallet's balances, or a position that it margins, changed."""
        k: cython.int
        for k in range(self.wallet_first[wallet], self.wallet_first[wallet + 1]):
            self.due.add(self.wallet_pools[k])

    def new_rules(self) -> None:
        """Rules changed (measured correlation, price range): every pool is due."""
        self.box.learn_rules()
        self.void_all()

    def void_all(self) -> None:
        """Every pool is due."""
        n: cython.int
        for n in range(self.pools.n_live):
            self.due.add(self.pools.live[n])

    @cython.ccall
    @cython.exceptval(-2, check=True)
    def take(self) -> cython.int:
        """Return the next pool that is due, in ascending order, recomputed and with a new box; -1
        at the end of the pass.
        """
        pool: cython.int = self.due.take()
        if pool >= 0:
            self.recompute(pool)
            self.level[pool] = self.pools.level[pool]
        return pool

    @cython.ccall
    @cython.exceptval(-1, check=True)
    def settle(self) -> cython.int:
        """Recompute all pools that are due; return how many levels changed, see ``changes``."""
        found: cython.int = 0
        pool: cython.int
        while True:
            pool = self.due.take()
            if pool < 0:
                return found
            self.recompute(pool)
            if self.pools.level[pool] != self.level[pool]:
                self._changed(pool, self.pools.level[pool])
                found += 1

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _changed(self, pool: cython.int, level: cython.int) -> cython.int:
        """Note a change of level."""
        if self.n_changes == self.changes.shape[0]:
            self._changes(2 * self.n_changes)
        self.changes[self.n_changes, 0] = self.at
        self.changes[self.n_changes, 1] = pool
        self.changes[self.n_changes, 2] = self.level[pool]
        self.changes[self.n_changes, 3] = level
        self.n_changes += 1
        self.level[pool] = level
        return 0

    @cython.ccall
    @cython.exceptval(-1, check=True)
    def recompute(self, pool: cython.int) -> cython.int:
        """Evaluate a pool and give it a new box."""
        self.pools.evaluate(pool)
        self.recomputed += 1
        self.version[pool] += 1
        box: Box = self.box
        box.find(pool)
        k: cython.int
        heap: Heap
        for k in range(box.legs):
            if box.hi[k] < NO_EDGE:
                heap = self.upper[box.leg[k]]
                heap.push(box.hi[k], pool, self.version[pool], self.version)
            if box.lo[k] > 0.0:
                heap = self.lower[box.leg[k]]
                heap.push(-box.lo[k], pool, self.version[pool], self.version)
        return 0

    # Views

    def factor(self, kind: str, number: int = 0) -> int:
        """Return the number of a factor: the ``mark``, ``basis``, ``volatility`` or ``forward`` of
        an instrument, the ``index`` of an asset, the ``time``.
        """
        first = {
            "mark": 0,
            "index": self.box.index_at,
            "basis": self.box.basis_at,
            "volatility": self.box.volatility_at,
            "forward": self.box.forward_at,
            "time": self.box.time_at,
        }
        return int(first[kind] + number)

    def box_of(self, pool: int) -> dict[int, tuple[float, float]]:
        """Return the box that a pool has at the present prices, by factor; a side without an edge
        is 0 or infinite.
        """
        box: Box = self.box
        self.pools.evaluate(pool)
        box.find(pool)
        return {
            int(box.leg[k]): (
                float(box.lo[k]),
                float(box.hi[k]) if box.hi[k] < NO_EDGE else float("inf"),
            )
            for k in range(box.legs)
        }

    def values(self):
        """Return the factors' present values."""
        return np.array(self.value)

    def levels(self):
        """Return the pools' levels as of the last `settle`."""
        return np.array(self.level)[: self.pools.count]

    def changes_found(self):
        """Return rows (number of the move, pool, old level, new level) and forget them."""
        found = np.array(self.changes)[: self.n_changes]
        self.n_changes = 0
        return found

    def bytes(self) -> int:
        """Memory of edges and columns."""
        heaps = sum(heap.bytes() for heap in [*self.upper, *self.lower])
        return int(heaps + 25 * self.pools.count)
