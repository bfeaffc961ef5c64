"""Print digests and hashes of a fixed set of small runs and figures as one JSON document.

A script of its own, so that any interpreter and any build can be asked, from any folder::

    PYTHONPATH=. python tests/determinism/digests.py [CASE ...]

Whatever prints the same document computed the same, bit for bit: floats go into the hashes as their
eight bytes.  ``UNIMARGIN_SUM`` replaces the built-in ``sum`` (see `as_in`).
"""

from __future__ import annotations

import builtins
import contextlib
import hashlib
import io
import json
import math
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
SECOND = 10**9
FIGURES = ("fills", "history", "prices", "inventory", "liquidations", "moves", "funds", "story")
"""Frames of a result that go into its hash."""

CROWD = """
rulebook = "textbook"
mode = "{mode}"
accounts = 300
seed = 3

[market]
start = "2026-01-07T12:00:00Z"
length = "00:05:00"
instruments = ["spot:BTCUSDT", "um:BTCUSDT"]
source = "chosen for this test"

[market.paths.BTC]
first = 100_000
knots = [["00:00:00", 1.0], ["00:01:00", 1.0], ["00:04:00", 0.85], ["00:05:00", 0.9]]
volatility = 0.6

[[people]]
name = "longs"
share = 0.8
wealth = {{law = "pareto", least = 1_000, alpha = 1.3, most = 500_000}}
collateral = {{USDT = 0.6, BTC = 0.4}}
collateral_jitter = 0.2
instruments = ["um:BTCUSDT"]
leverage = {{law = "lognormal", median = 6, sigma = 0.5, least = 2, most = 20}}
entry = {{law = "normal", sigma = 0.02, least = -0.1, most = 0.1}}

[[people]]
name = "shorts"
share = 0.2
side = "short"
wealth = {{law = "pareto", least = 1_000, alpha = 1.3, most = 500_000}}
instruments = ["um:BTCUSDT"]
leverage = {{law = "uniform", least = 2, most = 7}}

[impact]
profile = "{profile}"
depth = 1_000_000
half_life = "00:03:00"
arbitrage = "00:01:00"
"""


def as_in(version: str) -> None:
    """Let ``sum`` add floats as Python ``3.11`` does (in order) or ``3.12`` (compensated).

    From 3.12 on ``sum`` carries what rounding loses, so its last bit differs; a run must not rest
    on it.
    """
    plain = builtins.sum

    def total(values: Iterable[Any], /, start: Any = 0) -> Any:
        given = list(values)
        if not any(isinstance(one, float) for one in [start, *given]):
            return plain(given, start)
        if version == "3.12" and all(isinstance(one, int | float) for one in [start, *given]):
            return math.fsum([start, *given])
        for one in given:
            start = start + one
        return start

    builtins.sum = total  # type: ignore[assignment]


def sha(*parts: bytes) -> str:
    """Return a short hash of parts."""
    made = hashlib.sha256()
    for part in parts:
        made.update(len(part).to_bytes(8, "little") + part)
    return made.hexdigest()[:24]


def plain(value: Any) -> Any:
    """Return a value as JSON has it, floats as their exact hexadecimal digits."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, float):
        return value.hex()
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return str(value)


def written(value: Any) -> bytes:
    """Return a value as text; dictionaries keep their order, which must repeat too."""
    return json.dumps(plain(value)).encode()


def of_frame(frame: Any) -> str:
    """Return a hash of a polars frame: names, and bits of numbers."""
    parts = []
    for column in frame.iter_columns():
        parts += [column.name.encode(), written(column.to_list())]
    return sha(*parts)


def of_result(result: Any) -> dict[str, str]:
    """Return the digest of a run and a hash of all its figures."""
    frames = [of_frame(getattr(result, name)).encode() for name in FIGURES]
    return {"digest": result.digest, "figures": sha(*frames, written(result.summary.pnl))}


def functions() -> dict[str, str]:
    """Elementary functions over what the engine gives them."""
    import numpy as np

    from simulator.book.queue import advance
    from simulator.units import functions as f

    grid = (np.arange(1, 20_001, dtype=np.float64) / 20_001).tolist()
    return {
        "exponential": sha(written([f.exponential(20.0 * x - 10.0) for x in grid])),
        "logarithm": sha(written([f.logarithm(3.0 * x) for x in grid])),
        "power": sha(written([f.power(x, 0.37) for x in grid])),
        "normal_cdf": sha(written([f.normal_cdf(16.0 * x - 8.0) for x in grid])),
        "normal_quantile": sha(written([f.normal_quantile(x) for x in grid])),
        "queue": sha(written([advance(1, 2.5, 9.0 * x, 20.0, 13.0, 0.0) for x in grid])),
    }


def latency() -> dict[str, str]:
    """Drawn latencies."""
    from simulator.exchange.latency import parse_latency

    drawn = parse_latency("sampled:3:0.5", 7)
    return {"draws": sha(drawn.entry.tobytes(), drawn.response.tobytes())}


def made_tape() -> dict[str, str]:
    """A market made from knots, noise and correlation."""
    from simulator.replay.made import MadeMarket
    from simulator.replay.making import rows

    market = MadeMarket(
        start="2025-10-10T20:50:00Z",
        length="00:05:00",
        instruments=["um:BTCUSDT", "um:ETHUSDT"],
        source="chosen for this test",
        paths={
            "BTC": {"first": 100_000, "volatility": 0.8},
            "ETH": {"first": 4_000, "volatility": 1.2},
        },
        correlation={"BTC ETH": 0.7},
    )
    return {"rows": of_frame(rows(market, 5))}


def margin() -> dict[str, str]:
    """Margin figures of documents by every rulebook, bit for bit."""
    import simulator

    found = {}
    for name in ("all-products", "calendar-spread", "lesson-borrowed"):
        for rulebook in ("textbook", "binance", "okx_pm", "deribit_pm", "bybit"):
            for mode in ("separated", "unified"):
                document = str(ROOT / "docs" / "examples" / f"{name}.yaml")
                report = margin_of(simulator, document, mode, rulebook)
                found[f"{name} {rulebook} {mode}"] = sha(written(report))
    return found


def margin_of(simulator: Any, document: str, mode: str, rulebook: str) -> Any:
    """Return a margin report, or the line that says why there is none."""
    try:
        return simulator.margin(document, mode=mode, rulebook=rulebook)
    except ValueError as error:
        return str(error)


def busy(mode: str, rulebook: str = "textbook", **options: Any) -> dict[str, str]:
    """Two strategies that do everything at random on the bundled crash."""
    import replay_data
    from simulator.replay.player import Player
    from simulator.simulation import Simulation
    from tests.simulation.busy import Busy

    first = Player([replay_data.path("crash")]).span[0] + 1500 * SECOND
    run = Simulation(
        data=[replay_data.path("crash")],
        mode=mode,
        rulebook=rulebook,
        strategies=[Busy(seed=5), Busy(seed=1005, every=0.3)],
        deposits={"USDT": Decimal(80_000), "BTC": Decimal("0.2"), "ETH": Decimal(3)},
        start_ns=first,
        end_ns=first + 10 * SECOND,
        **{"latency": "2", "seed": 7, **options},
    )
    result = run.run()
    heard = [line for one in run.strategies for line in one.heard]  # type: ignore[attr-defined]
    return {**of_result(result), "heard": sha(written(heard))}


def impact() -> dict[str, str]:
    """The same with books composed around a moved reference."""
    from simulator.market.liquidity import Impact, Liquidity

    given = Impact(
        books={"um:BTCUSDT": Liquidity(profile="linear", depth=2e5, resilience="linear")},
        other=Liquidity(depth=1e5, permanent=0.2, flight=0.01, arbitrage_ns=20 * SECOND),
        own_weight={"BTC": 0.5},
    )
    return busy("unified", impact=given)


def options(scenario: str, rulebook: str, seconds: int = 20) -> dict[str, str]:
    """Options held, valued and margined on the bundled hour with a volatility surface."""
    import replay_data
    from simulator.replay.player import Player
    from simulator.simulation import Simulation

    strategy = __import__(f"strategies.{scenario}", fromlist=["x"])
    kind = "".join(word.title() for word in scenario.split("_"))
    data = [replay_data.path("crash"), replay_data.path("crash_dated")]
    first = Player(data[:1]).span[0] + 1700 * SECOND
    result = Simulation(
        data=data,
        mode="unified",
        rulebook=rulebook,
        strategies=[getattr(strategy, kind)()],
        deposits={"USDT": Decimal(100_000), "BTC": Decimal(1)},
        start_ns=first,
        end_ns=first + seconds * SECOND,
    ).run()
    return of_result(result)


def command(*arguments: str) -> dict[str, Any]:
    """Return the document that ``unimargin run`` prints, without what is of the machine."""
    from simulator.cli.main import run_command

    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
        code = run_command(["run", *arguments, "--json"])
    assert code == 0, arguments
    found: dict[str, Any] = json.loads(out.getvalue())
    return found


def cascade(mode: str, profile: str) -> dict[str, str]:
    """A crowd drawn from laws that a made market liquidates, with feedback."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "crowd.toml"
        path.write_text(CROWD.format(mode=mode, profile=profile), encoding="utf-8")
        os.environ["UNIMARGIN_CACHE"] = folder
        (run,) = command(str(path), "--no-feedback-run")["runs"]
    for key in ("wall_seconds", "events_per_second"):
        del run[key]
    return {"digest": run["digest"], "document": sha(written(run))}


def lifecycle() -> dict[str, str]:
    """The whole life of an account, from separated wallets to one pool and back."""
    (run,) = command("lifecycle")["runs"]
    return {"digest": run["digest"]}


CASES: dict[str, Callable[[], dict[str, str]]] = {
    "functions": functions,
    "latency": latency,
    "made_tape": made_tape,
    "margin": margin,
    "busy separated": lambda: busy("separated"),
    "busy unified binance": lambda: busy("unified", "binance"),
    "busy drawn latency": lambda: busy("unified", latency="sampled:3:0.5"),
    "busy okx": lambda: busy("unified", "okx_pm"),
    "impact": impact,
    "short strangle": lambda: options("short_strangle", "textbook"),
    "short strangle deribit": lambda: options("short_strangle", "deribit_pm"),
    "covered call okx": lambda: options("covered_call", "okx_pm"),
    "cascade separated": lambda: cascade("separated", "constant"),
    "cascade unified": lambda: cascade("unified", "linear"),
    "lifecycle": lifecycle,
}


def main() -> None:
    """Print the cases that are named, all without any."""
    if os.environ.get("UNIMARGIN_SUM"):
        as_in(os.environ["UNIMARGIN_SUM"])
    chosen = sys.argv[1:] or list(CASES)
    print(json.dumps({name: CASES[name]() for name in chosen}, indent=1))


if __name__ == "__main__":
    main()
