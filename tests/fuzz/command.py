"""The command line as a target: every command with every option, right and wrong values."""

from __future__ import annotations

import contextlib
import io
import json
import os
import urllib.error
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from random import Random
from typing import Any

import pytest
from typer.main import get_command

from simulator.cli.frame import COMMANDS, run_command
from simulator.errors import InputError
from tests.fuzz import mutate
from tests.fuzz.answer import WrongAnswerError
from tests.fuzz.documents import ALONE, TINY
from tests.fuzz.target import Target

SKIPPED = ("bench", "serve")
"""Commands that take minutes, or never end."""


built = cache(get_command)
"""Commands from their typer applications; building one takes longer than refusing its options."""


def quietly(arguments: Sequence[str]) -> tuple[int, str]:
    """Run a command; return its exit code and what it said on stderr."""
    out, said = io.StringIO(), io.StringIO()
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(said),
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr("simulator.cli.frame.get_command", built)
        try:
            code = run_command(list(arguments))
        except SystemExit as error:
            code = error.code if isinstance(error.code, int) else 1
    return code, said.getvalue()


@cache
def commands() -> dict[tuple[str, ...], list[Any]]:
    """Return the parameters of each command by its words, such as ``data import``."""
    found: dict[tuple[str, ...], list[Any]] = {}
    for name in COMMANDS:
        if name in SKIPPED or find_spec(f"simulator.cli.{name}") is None:
            continue
        command: Any = built(import_module(f"simulator.cli.{name}").app)
        parts = getattr(command, "commands", None)
        if parts:
            found |= {(name, sub): list(one.params) for sub, one in parts.items()}
        else:
            found[(name,)] = list(command.params)
    return found


def short_scenario() -> str:
    """Return a scenario of one mode that runs in a moment."""
    text = ALONE
    for line in (
        'volatility = {BTC = "0.5"}',
        "multi_assets = true",
        "bnb_fees = true",
        'BTC = "1.5"',
    ):
        text = text.replace(f"{line}\n", "")
    return text


FILES: dict[str, bytes] = {
    "tiny.toml": TINY.encode(),
    "alone.toml": short_scenario().encode(),
    "broken.toml": b"[market\n",
    "empty.toml": b"",
    "empty": b"",
    "nul.yaml": b"a: \x00",
    "crowd.parquet": b"PAR1",
    "short.parquet": b"PAR1\xff\xff\xff\x7fPAR1",
    "short.manifest.json": b"{}",
    "data.csv": b"1,2,3\n",
    "trades.csv": b"5,42000.1,0.005,210.0005,1704067200000,true\n",
    "wrong.py": b"class X(:\n",
    "none.py": b"x = 1\n",
    "raises.py": b"1 / 0\n",
    "latin.yaml": "é: 1".encode("latin-1"),
    "list.json": b"[1, 2]",
    "document.yaml": b"mode: unified\nbalances: {um: {USDT: 1000}}\n",
}
"""Files in the folder that commands run in."""

VALUES = (
    *FILES,
    "folder",
    "loop",
    "fifo",
    "/dev/null",
    "missing",
    "missing/x",
    "crash",
    "lifecycle",
    "textbook",
    "tiny.toml",
    "alone.toml",
    "document.yaml",
    "none.py:X",
    "wrong.py:X",
    "raises.py:A",
    "separated",
    "unified",
    "both",
    "5",
    "0",
    "-1",
    "1e9",
    "nan",
    "BTC",
    "um:BTCUSDT",
    "USDT=1000",
    "USDT=1e9",
    "USDT=nan",
    "a=b",
    "size=1",
    "size=nan",
    "ratio<=1.3",
    "ratio<=nan",
    "power:3",
    "power:nan",
    "5/5/5",
    "sampled:5:0.4",
    "recorded",
    "2024-01-01",
    "9999-12-31",
    "2025-10-10T20:50:05Z",
    "cross",
    "out",
    "out/x",
    "o.parquet",
    "o.png",
    "o.html",
    "trades",
    "s",
    "time=1,price=2",
    "BTC=-10%",
    "b,d,a",
    "kyc=basic",
    "separated,unified",
    "textbook,binance",
    "50%",
    "market_maker",
    "100000000000000000000",
)


@cache
def lines() -> tuple[bytes, ...]:
    """Return right command lines."""
    return tuple(
        json.dumps(line.split()).encode()
        for line in (
            "run alone.toml --mode separated --json",
            "run tiny.toml --mode unified --no-feedback-run --out out --no-report",
            "margin document.yaml --json",
            "margin document.yaml --what-if BTC=-10%",
            "scenarios",
            "rulebook list",
            "rulebook show textbook --json",
            "rulebook diff textbook binance",
            "quiz --answers b,d,a --json",
            "quiz --key --json",
            "data import trades.csv --out o.parquet --market um --symbol BTCUSDT",
            "data info o.parquet",
            "data verify o.parquet --json",
            "data sample o.parquet -n 3",
            "population describe tiny.toml --json",
            "audit out --json",
            "population draw tiny.toml --out o.parquet --accounts 5",
            "advise document.yaml --json",
            "--version",
            "--help",
            "run --help",
            "data fetch BTCUSDT --from 2024-01-01 --to 2024-01-02",
        )
    )


def _value(random: Random) -> str:
    return str(random.choice(VALUES) if random.random() < 0.75 else mutate.odd(random))


def _changed_line(data: bytes, random: Random) -> bytes:
    try:
        words = [str(word) for word in json.loads(data)]
    except (ValueError, TypeError, RecursionError):
        words = []
    if random.random() < 0.5:
        name, parameters = random.choice(list(commands().items()))
        words = list(name)
        for one in parameters:
            if one.param_type_name == "argument":
                if random.random() < 0.9:
                    words.append(_value(random))
            elif random.random() < 0.12:
                words += _option(one, random)
        return json.dumps(words).encode()
    for _ in range(random.choice((1, 1, 2))):
        at = random.randrange(len(words) + 1)
        kind = random.randrange(5)
        if kind < 2 and at < len(words):
            words[at] = _value(random)
        elif kind == 2 and at < len(words):
            words[at] = mutate.changed_text(words[at], random)
        elif kind == 3 and at < len(words):
            del words[at]
        else:
            own = [p for n, ps in commands().items() if list(n) == words[: len(n)] for p in ps]
            words[at:at] = _option(random.choice(own), random) if own else [_value(random)]
    return json.dumps(words).encode()


def _option(one: Any, random: Random) -> list[str]:
    if one.param_type_name == "argument":
        return [_value(random)]
    word = random.choice(list(one.opts))
    return [word] if one.is_flag and random.random() < 0.9 else [word, _value(random)]


@cache
def _ground(folder: Path) -> Path:
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    (folder / "folder").mkdir()
    (folder / "loop").symlink_to("loop")
    os.mkfifo(folder / "fifo")
    return folder


LONG = {"crash", "lifecycle", "calm", "october_2025", "both"}
"""Names of scenarios that run for seconds; what the command does with them is tested elsewhere."""


def _short(words: list[str]) -> bool:
    """Whether a command line does not replay an hour of data, and asks no server."""
    if words[:1] in (["run"], ["population"]):
        named = {word for word in words[1:] if not word.startswith("-")}
        files = {word for word in named if word.endswith(".toml")}
        if not files or "--data" in words or "--least-capital" in words or "--compile" in words:
            return False
    return words[:1] not in (["bench"], ["serve"])


def _no_network(archive: object, file: str, start: int = 0) -> None:
    raise urllib.error.URLError("no network here")


def _line(data: bytes, folder: Path) -> None:
    try:
        words = [str(word) for word in json.loads(data)]
    except (ValueError, TypeError, RecursionError):
        return
    if not _short(words) or any("\x00" in word or _lone(word) for word in words):
        return  # the system passes no NUL and no lone surrogate
    ground = _ground(folder)
    before = os.getcwd()
    os.chdir(ground)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("UNIMARGIN_CACHE", str(ground / "cache"))
            patch.setattr("simulator.replay.fetch.Archive._open", _no_network)
            patch.setattr("simulator.replay.fetch.time.sleep", lambda _seconds: None)
            code, said = quietly(words)
    finally:
        os.chdir(before)
    if "Traceback" in said:
        raise WrongAnswerError(f"a traceback: {said[-300:]}")
    if code not in (0, 1, 2):
        raise WrongAnswerError(f"exit code {code}: {said[-300:]}")
    if code == 2:
        told = said.strip().split("\n")
        if not told[-1].startswith("unimargin: ") and "Usage:" not in said:
            raise WrongAnswerError(f"exit code 2 without a line: {said[-300:]!r}")
        raise InputError(told[-1])


def _lone(word: str) -> bool:
    return any(0xD800 <= ord(one) < 0xDC80 or 0xDCFF < ord(one) <= 0xDFFF for one in word)


TARGETS = (Target("command lines", lines, _changed_line, _line, 40, seconds=20.0, raw=0.0),)
