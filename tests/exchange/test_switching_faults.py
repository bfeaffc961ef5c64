"""Goal: a switch that fails on its way leaves the account whole: the old one, or the new one.

Method: every inner step raises in turn, instead of its work or after it; what the ledger, the pools
and the parts of the desk say is compared, and the life goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from simulator.accounts.questionnaire import right_answers
from simulator.accounts.states import Step
from simulator.accounts.wallets import Partition
from simulator.exchange.messages import StepRequest
from tests.exchange.lives import Life
from tests.exchange.products import UM
from tests.exchange.world import World


class FaultError(Exception):
    """What the test makes a step raise."""


class Stand:
    """Stands for a compiled part, of which one method may be broken."""

    def __init__(self, of: Any, broken: dict[str, Any]) -> None:
        self.of, self.broken = of, broken

    def __getattr__(self, name: str) -> Any:
        return self.broken[name] if name in self.broken else getattr(self.of, name)


def raising(known: Callable[..., Any], late: bool) -> Callable[..., Any]:
    """Return a step that raises the first time it is taken."""
    taken: list[int] = []

    def step(*given: Any) -> Any:
        taken.append(1)
        if len(taken) > 1:
            return known(*given)
        if late:
            known(*given)
        raise FaultError

    return step


Breaking = Callable[[World, str, str, bool], None]


def compiled(world: World, part: str, name: str, late: bool) -> None:
    """Break a method of the core or of one of its parts, as the desk sees them."""
    core = world.desk.core
    if part == "upkeep":
        broken = raising(getattr(world.desk.upkeep, name), late)
        world.desk.upkeep = Stand(world.desk.upkeep, {name: broken})  # type: ignore[assignment]
        return
    of = core if part == "core" else getattr(core, part)
    broken = {name: raising(getattr(of, name), late)}
    replaced = broken if part == "core" else {part: Stand(of, broken)}
    world.desk.core = Stand(core, replaced)  # type: ignore[assignment]


def python(world: World, part: str, name: str, late: bool) -> None:
    """Break a method of the desk or of one of its parts."""
    owner = getattr(world.desk, part) if part else world.desk
    setattr(owner, name, raising(getattr(owner, name), late))


STEPS: list[tuple[Breaking, str, str]] = [
    (compiled, "pools", "set_rules"),
    (compiled, "pools", "set_partition"),
    (compiled, "pools", "set_checked"),
    (compiled, "core", "take_mode"),
    (compiled, "upkeep", "take_mode"),
    (compiled, "records", "add"),
    (python, "", "take_mode"),
    (python, "transfers", "take_mode"),
    (python, "loans", "take_mode"),
    (python, "negative", "take_mode"),
    (python, "leverage", "take_mode"),
    (python, "liquidator", "take_mode"),
    (python, "measuring", "apply"),
    (python, "switching", "_go_over"),
]


def seen(world: World) -> list[Any]:
    """Everything that a switch changes, as the account's owner and the venue see it."""
    core, desk = world.core, world.desk
    ledger, pools, partition = core.ledger, core.pools, desk.partition
    for pool in partition.live:
        pools.evaluate(pool)
    cells = [(w, a) for w in range(ledger.wallets) for a in range(ledger.assets)]
    return [
        [(ledger.balance_of(*cell), ledger.loan_of(*cell)) for cell in cells],
        [ledger.position_of(1, slot) for slot in range(len(partition.margin))],
        np.asarray(ledger.held).tolist(),
        [(pool, pools.figures(pool), pools.checked_level(pool)) for pool in partition.live],
        (partition.mode, list(partition.own), partition.cash, partition.margin, partition.pool_of),
        (desk.loans.wallet, desk.loans.pool, desk.loans.leverage, desk.liquidator.target),
        (desk.negative._charged_wallets, desk.negative._ratio, desk.transfers._taken),
        (desk.leverage.present(), dict(desk.leverage._left), desk.leverage.margin.mode),
        desk.account_equity(),
        [world.ctx.account.max_withdrawable("USDT", name) for name in partition.wallet_names],
        [market.leverage for market in world.ctx.markets],
    ]


def ready(rulebook: str, mode: str) -> Life:
    """A life with a leverage of its own that may leave its mode at once."""
    rules = (("open_positions", True), ("isolated_positions", True), ("return_ns", 10**11))
    life = Life(rulebook, mode=mode, margin_type="isolated", modes=rules)
    life.do(("leverage", 1, 7))
    if mode == "separated":
        for market, side in ((1, 1), (2, -1), (5, 1)):
            life.do(("order", market, side, 1.0, "market", 1.0, ("long",)))
        life.do(("fund", "borrow", "USDT", 5_000.0))
        life.do(("go_on",))
        life.do(("go_on",))
        assert life.auditor.state == "AGREED"
    return life


@pytest.mark.parametrize("late", [False, True], ids=["instead", "after"])
@pytest.mark.parametrize(("break_it", "part", "name"), STEPS, ids=[f"{p}.{n}" for _, p, n in STEPS])
@pytest.mark.parametrize("mode", ["separated", "unified"])
def test_a_fault_on_the_way_leaves_the_old_account(
    mode: str, break_it: Breaking, part: str, name: str, late: bool
) -> None:
    life = ready("binance", mode)
    world, turn = life.world, "unified" if mode == "separated" else "separated"
    known, core, upkeep = seen(world), world.desk.core, world.desk.upkeep
    break_it(world, part, name, late)
    with pytest.raises(FaultError):
        world.desk.switching.execute(turn)
    world.desk.core, world.desk.upkeep = core, upkeep
    assert seen(world) == known
    life.auditor.hold()
    life.do(("go_on",))
    assert world.partition.mode == turn


@pytest.mark.parametrize("late", [False, True], ids=["instead", "after"])
def test_a_fault_in_the_partition_leaves_the_old_account(
    monkeypatch: pytest.MonkeyPatch, late: bool
) -> None:
    life = ready("textbook", "separated")
    known = seen(life.world)
    monkeypatch.setattr(Partition, "become", raising(Partition.become, late))
    with pytest.raises(FaultError):
        life.world.desk.switching.execute("unified")
    assert seen(life.world) == known
    life.do(("go_on",))
    assert life.world.partition.mode == "unified"


def test_a_refusal_of_the_ledger_leaves_the_old_account() -> None:
    """Something is held although no order is open: the merge is refused before it begins."""
    life = ready("textbook", "separated")
    world = life.world
    at = world.partition.wallet("um"), 0
    np.asarray(world.core.ledger.held)[at] = 5
    known = seen(world)
    with pytest.raises(ValueError, match="orders hold balances"):
        world.desk.switching.execute("unified")
    assert seen(world) == known
    np.asarray(world.core.ledger.held)[at] = 0
    life.do(("go_on",))
    assert world.partition.mode == "unified"


@pytest.mark.parametrize("mode", ["separated", "unified"])
@pytest.mark.parametrize("step", ["announce", "check"])
def test_a_fault_behind_the_switch_leaves_the_new_account(mode: str, step: str) -> None:
    life = ready("textbook", mode)
    world, modes = life.world, life.world.desk.modes
    if step == "announce":
        modes.announce = raising(modes.announce, False)
    else:
        check = raising(modes.upkeep.check, False)
        modes.upkeep = Stand(modes.upkeep, {"check": check})  # type: ignore[assignment]
    there = mode == "separated"
    asked = Step.ANSWER_QUESTIONNAIRE if there else Step.REQUEST_SEPARATED
    with pytest.raises(FaultError):
        modes.execute(StepRequest(0, asked, answers=right_answers(modes.questionnaire())))
    turn = "unified" if there else "separated"
    assert modes.state.name == f"SWITCHING_TO_{turn.upper()}"
    assert world.partition.mode == turn
    assert world.core.is_suspended(1)
    assert modes.events[-1].after is modes.state
    world.desk.verify()
    world.core.contexts[0].submit(world.market(UM), 1, 0.01)
    life.auditor.state, life.auditor.until = modes.state.name, modes.suspended_until_ns
    world.step(400_000)
    assert world.said()[-1] == "REJECTED ACCOUNT_SUSPENDED"
    assert modes.state.name == turn.upper()
    world.desk.verify()
    if step == "check":
        life.auditor.hold()
