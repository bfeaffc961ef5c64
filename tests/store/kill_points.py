"""Where a run, its writer or both are killed, from inside, exactly there.

A point names a function of the run or of its writer; just before or after the given call of it,
SIGKILL goes to the engine's process, the writer's, or both at once.  A program of the kill tests
that is started with a ``Death`` in its environment arms it before it begins.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

VARIABLE = "UNIMARGIN_TEST_DEATH"

HELD = "UNIMARGIN_TEST_HELD"
"""Names a file that a run waits for before it says that it is over: so it cannot be over before
it was killed from outside, however late the kill comes."""


@dataclass(frozen=True)
class Death:
    """Kill ``who`` (engine, writer, both) at the ``nth`` passing of ``point``, from 1 on."""

    point: str
    who: str
    nth: int = 1
    seed: int = 0

    @property
    def in_writer(self) -> bool:
        return self.point in WRITER

    def text(self) -> str:
        return json.dumps(asdict(self))


def death_asked() -> Death | None:
    """Return what the environment asks for."""
    text = os.environ.get(VARIABLE)
    return None if text is None else Death(**json.loads(text))


def kill(who: str, engine: int, writer: int) -> None:
    """Send SIGKILL; to both at once they are a group of their own."""
    if who == "both":
        os.killpg(0, signal.SIGKILL)
    elif who == "engine":
        os.kill(engine, signal.SIGKILL)
    else:
        os.kill(writer, signal.SIGKILL)


class Counted:
    """Calls ``then`` at the ``nth`` call of it."""

    def __init__(self, nth: int, then: Callable[[], None]) -> None:
        self.left, self.then = nth, then

    def __call__(self) -> None:
        self.left -= 1
        if self.left == 0:
            self.then()


def before(owner: Any, name: str, act: Callable[[], None]) -> None:
    """Have ``act`` called before each call of a function."""
    original = getattr(owner, name)

    def wrapped(*arguments: Any, **named: Any) -> Any:
        act()
        return original(*arguments, **named)

    setattr(owner, name, wrapped)


def after(owner: Any, name: str, act: Callable[[], None]) -> None:
    """Have ``act`` called after each call of a function."""
    original = getattr(owner, name)

    def wrapped(*arguments: Any, **named: Any) -> Any:
        result = original(*arguments, **named)
        act()
        return result

    setattr(owner, name, wrapped)


# In the engine's process


def _switching(name: str, place: Callable[..., None]) -> Callable[[Callable[[], None]], None]:
    def arm(act: Callable[[], None]) -> None:
        from simulator.exchange.switching import Switching

        place(Switching, name, act)

    return arm


def _liquidator(name: str) -> Callable[[Callable[[], None]], None]:
    def arm(act: Callable[[], None]) -> None:
        from simulator.exchange.liquidator import Liquidator

        before(Liquidator, name, act)

    return arm


def _strategy(name: str) -> Callable[[Callable[[], None]], None]:
    def arm(act: Callable[[], None]) -> None:
        from tests.simulation.busy import Busy

        after(Busy, name, act)

    return arm


def _journal(name: str, place: Callable[..., None]) -> Callable[[Callable[[], None]], None]:
    def arm(act: Callable[[], None]) -> None:
        from simulator.store.journal import Journal

        place(Journal, name, act)

    return arm


def _durable_cut(act: Callable[[], None]) -> None:
    """All that was cut is durable when the process dies, however slow the machine is."""
    from simulator.store.journal import Journal

    cut = Journal.cut

    def cut_and_durable(self: Journal, rows: int, last: bool = False) -> None:
        cut(self, rows, last)
        assert self.writer is not None
        self.writer.flush()
        act()

    Journal.cut = cut_and_durable  # type: ignore[method-assign]


def _half_frame(act: Callable[[], None]) -> None:
    """Half of a frame is in the pipe when the process dies."""
    from simulator.store import writer
    from simulator.store.pipe import write_frame

    class Half:
        def __init__(self, pipe: Any) -> None:
            self.pipe = pipe

        def write(self, data: Any) -> int:
            half = (len(data) + 1) // 2
            written = self.pipe.write(data[:half])
            if written == half:
                act()
            return int(written)

    module: Any = writer
    module.write_frame = lambda pipe, *frame: write_frame(Half(pipe), *frame)  # type: ignore[arg-type]


ENGINE: dict[str, Callable[[Callable[[], None]], None]] = {
    "start": _strategy("on_start"),
    "trading": _strategy("send"),
    "switch begins": _switching("cancel_orders", before),
    "switch, columns changed": _switching("_go_over", after),
    "switch, money moved": _switching("_merge", after),
    "liquidation begins": _liquidator("level_changed"),
    "liquidation told": _liquidator("liquidated"),
    "cut": _journal("cut", after),
    "durable cut": _durable_cut,
    "frame": _half_frame,
    "snapshot": _journal("snapshot", before),
    "stop": _strategy("on_stop"),
    "close": _journal("close", before),
    "closed": _journal("close", after),
}


# In the writer's process


def _writer(name: str, place: Callable[..., None]) -> Callable[[Callable[[], None]], None]:
    def arm(act: Callable[[], None]) -> None:
        from simulator.store.writing_process import RunWriter

        place(RunWriter, name, act)

    return arm


def _rows_inserted(act: Callable[[], None]) -> None:
    from simulator.store import writing_process

    after(writing_process, "insert", act)


def _acknowledge(act: Callable[[], None]) -> None:
    from simulator.store.writing_process import RunWriter

    original = RunWriter.commit

    def commit(self: Any, frames: Any) -> None:
        answer = self.answer

        def told(what: Any) -> None:
            if "ack" in what:
                act()
            answer(what)

        self.answer = told
        try:
            original(self, frames)
        finally:
            self.answer = answer

    RunWriter.commit = commit  # type: ignore[method-assign]


def _committing(act: Callable[[], None]) -> None:
    """In commits of batches; others, such as of rows, may come after the end of the run."""
    from sqlalchemy import Engine, event

    from simulator.store.writing_process import RunWriter

    stored: list[bool] = []
    after(RunWriter, "_store", lambda: stored.append(True))

    def committing(_connection: Any) -> None:
        if stored:
            stored.clear()
            act()

    event.listen(Engine, "commit", committing)


WRITER: dict[str, Callable[[Callable[[], None]], None]] = {
    "before the commit": _writer("_store", after),
    "in the commit": _committing,
    "committed, not acknowledged": _acknowledge,
    "before the rows": _writer("spread_some", before),
    "rows inserted": _rows_inserted,
    "snapshot inserted": _writer("_store_snapshot", after),
    "before the end": _writer("finish", before),
    "after the end": _writer("finish", after),
}


def arm_writer(death: Death) -> None:
    """Arm this process, the writer's."""

    def act() -> None:
        if death.point == "in the commit" and death.who == "writer":
            # The clock's signal ends the process inside the database's own code, as SIGKILL would.
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            soon = random.Random(death.seed).uniform(1e-5, 4e-3)
            signal.setitimer(signal.ITIMER_REAL, soon)
            return
        kill(death.who, os.getppid(), os.getpid())

    WRITER[death.point](Counted(death.nth, act))


def hold(until: str) -> None:
    """Let this process, the engine's, wait for a file before it closes its journal."""

    def wait() -> None:
        while not os.path.exists(until):
            time.sleep(0.01)

    _journal("close", before)(wait)


def arm_engine(death: Death | None, told: Callable[[str], None]) -> None:
    """Arm this process, the engine's; ``told`` hears of its writer and of acknowledgements."""
    from simulator.store import journal, writer

    writers: list[int] = []
    start = writer.Process.__init__

    def started(self: Any) -> None:
        start(self)
        writers.append(self.child.pid)
        told(f"writer {self.child.pid}")

    writer.Process.__init__ = started  # type: ignore[method-assign]
    if death is not None and death.in_writer:
        _with_own_writer(writer)
    if death is not None and not death.in_writer:
        arm = ENGINE[death.point]
        arm(Counted(death.nth, lambda: kill(death.who, os.getpid(), writers[-1])))

    cut = journal.Journal.cut

    def cut_and_told(self: Any, rows: int, last: bool = False) -> None:
        cut(self, rows, last)
        told(f"acknowledged {self.acknowledged} {rows}")

    journal.Journal.cut = cut_and_told  # type: ignore[method-assign]


def _with_own_writer(module: Any) -> None:
    """Start `tests.store.kill_writer` in place of the writing process."""
    import subprocess

    class Popen(subprocess.Popen[bytes]):
        def __init__(self, arguments: list[str], **named: Any) -> None:
            if arguments[-1] == "simulator.store.writing_process":
                arguments = [sys.executable, "-P", "-m", "tests.store.kill_writer"]
            super().__init__(arguments, **named)

    module.subprocess = type("Subprocess", (), {**vars(subprocess), "Popen": Popen})
