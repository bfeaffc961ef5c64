"""Goal: a small file cannot take all memory or all time, and what is no file is not read.

Method: files that unpack to gigabytes, claim a thousand million rows, nest without end or hold one
endless line; devices, pipes, loops of links.  One process with a bound on its memory runs a command
on each, and says what that took.
"""

from __future__ import annotations

import gzip
import json
import lzma
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import polars as pl
import pytest

MEMORY = 12 * 2**30
GREW = 700 * 2**20
SECONDS = 60.0
"""Of the processor, all threads together; the slowest takes three, most a hundredth."""

THREADS = {name: "2" for name in ("POLARS_MAX_THREADS", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")}
"""Each thread reserves address space of its own, so a machine with many cores would need more."""

HARNESS = """
import contextlib, io, json, resource, sys, time
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[1]), int(sys.argv[1])))
from simulator.cli.main import run_command
import simulator.replay.importer, simulator.simulation

def peak():
    # Linux counts the memory of who started a process into its ru_maxrss, but not here.
    try:
        with open("/proc/self/status") as status:
            return int(status.read().split("VmHWM:")[1].split()[0])
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

for line in sys.stdin:
    out, said = io.StringIO(), io.StringIO()
    before = peak()
    began = time.process_time()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(said):
        code = run_command(json.loads(line))
    grew = (peak() - before) * 1024
    print(json.dumps([code, said.getvalue(), time.process_time() - began, grew]), flush=True)
"""

TRADE = b"5,42000.1,0.005,210.0005,1704067200000,true\n"
IMPORT = ("data", "import", "{}", "--out", "o.parquet", "--market", "um", "--symbol", "BTCUSDT")


def bombs(folder: Path) -> None:
    """Write the files."""
    zeros = b"0" * (1 << 20)
    with gzip.open(folder / "zeros.gz", "wb", 9) as file:
        for _ in range(64):
            file.write(zeros)
    with gzip.open(folder / "lines.csv.gz", "wb", 9) as file:
        for _ in range(64):
            file.write(TRADE * (2**20 // len(TRADE)))
    with lzma.open(folder / "lines.csv.xz", "wb", preset=0) as file:
        for _ in range(64):
            file.write(TRADE * (2**20 // len(TRADE)))
    with (
        zipfile.ZipFile(
            folder / "lines.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=9
        ) as archive,
        archive.open("x.csv", "w", force_zip64=True) as member,
    ):
        for _ in range(64):
            member.write(TRADE * (2**20 // len(TRADE)))
    (folder / "lines.zst").write_bytes(zstd_bomb(40_000))
    (folder / "line.txt").write_bytes(b"1 {" + b"x" * (20 << 20))
    (folder / "line.csv").write_bytes(TRADE + b"x" * (20 << 20))
    pl.select(pl.repeat(True, 300_000_000).alias("id")).lazy().with_columns(
        **{f"spot.A{n}": pl.col("id") for n in range(9)}
    ).sink_parquet(folder / "rows.parquet")
    (folder / "deep.yaml").write_text("[" * 100_000)
    (folder / "deep.json").write_text('{"a":' * 100_000 + "1" + "}" * 100_000)
    (folder / "deep.toml").write_text("a = " + "[" * 100_000 + "]" * 100_000)
    (folder / "laughs.yaml").write_text(
        "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12))
    )
    (folder / "huge.toml").write_text('extends = "textbook"\nscenario.credit_rate = 1e999999999\n')
    (folder / "wide.toml").write_text("x = " + "9" * 10_000)
    (folder / "large.yaml").write_bytes(b"#" * 20_000_000)
    (folder / "large.toml").write_bytes(b"#" * 20_000_000)
    (folder / "loop").symlink_to("loop")
    (folder / "loop.toml").symlink_to("loop.toml")
    os.mkfifo(folder / "fifo")
    os.mkfifo(folder / "fifo.toml")
    (folder / "folder.toml").mkdir()
    (folder / "folder.parquet").mkdir()


def expected() -> dict[str, tuple[tuple[str, ...], str]]:
    """Return the command that reads each file, and a part of the line expected."""
    table = {
        "zeros.gz": (IMPORT, "longer than"),
        "lines.csv.gz": (IMPORT, "unpacks to more than 250 times"),
        "lines.csv.xz": (IMPORT, "unpacks to more than 250 times"),
        "lines.zip": (IMPORT, "unpacks to more than 250 times"),
        "lines.zst": (IMPORT, "unpacks to more than"),
        "line.txt": (IMPORT, "longer than"),
        "line.csv": (IMPORT, "longer than"),
        "/dev/zero": (IMPORT, "no such file or folder"),
        "fifo": (IMPORT, "no such file or folder"),
        "loop": (IMPORT, "no such file or folder"),
        "rows.parquet": (
            ("population", "describe", "{}", "--scenario", "crash"),
            "300,000,000 rows",
        ),
        "folder.parquet": (
            ("population", "describe", "{}", "--scenario", "crash"),
            "is a directory",
        ),
    }
    said = {
        "deep.yaml": "not valid YAML",
        "deep.json": "nested too deeply",
        "laughs.yaml": "unknown key",
        "large.yaml": "20,000,000 bytes",
        "fifo": "a device or a pipe",
        "loop": "symbolic links",
        "/dev/zero": "a device or a pipe",
        "folder.toml": "is a directory",
        "nothing": "no such file",
    }
    table |= {f"margin {name}": (("margin", name), words) for name, words in said.items()}
    said = {
        "deep.toml": "nested too deeply",
        "huge.toml": "at most 40 digits",
        "wide.toml": "not valid TOML",
        "large.toml": "20,000,000 bytes",
        "fifo.toml": "no such file",
        "loop.toml": "no such file",
        "folder.toml": "no such file",
    }
    table |= {f"show {name}": (("rulebook", "show", name), words) for name, words in said.items()}
    table |= {
        f"run {name}": (("run", name), words) for name, words in said.items() if "huge" not in name
    }
    return {
        name: (tuple(w.format(name) for w in words), part) for name, (words, part) in table.items()
    }


def zstd_bomb(blocks: int) -> bytes:
    """Return a zstd frame of blocks that each say: 128 kB of the same byte."""
    header = b"\x28\xb5\x2f\xfd" + b"\x00" + b"\x58"  # no size told, a window of 2 MB
    size = 1 << 17
    head = (size << 3) | (1 << 1)  # a block of one byte repeated
    body = (head.to_bytes(3, "little") + b"\n") * (blocks - 1)
    return header + body + (head | 1).to_bytes(3, "little") + b"\n"


@pytest.fixture(scope="module")
def answers(
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, tuple[int, str, float, int, str]]:
    """Return what each command did: exit code, words, seconds, memory, and what was expected."""
    folder = tmp_path_factory.mktemp("bombs")
    bombs(folder)
    table = expected()
    environment = {**os.environ, "UNIMARGIN_CACHE": str(folder / "cache"), **THREADS}
    environment["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", HARNESS, str(MEMORY)],
        cwd=folder,
        env=environment,
        text=True,
        input="".join(json.dumps(words) + "\n" for words, _ in table.values()),
        capture_output=True,
        timeout=1800,
    )
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(found) == len(table), f"ended at {[*table][len(found)]}: {done.stderr[-500:]}"
    pairs = zip(table.items(), found, strict=True)
    return {name: (*answer, part) for (name, (_, part)), answer in pairs}


NAMES = (
    "zeros.gz",
    "lines.csv.gz",
    "lines.csv.xz",
    "lines.zip",
    "lines.zst",
    "line.txt",
    "line.csv",
    "/dev/zero",
    "fifo",
    "loop",
    "rows.parquet",
    "folder.parquet",
    *(
        f"margin {name}"
        for name in (
            "deep.yaml",
            "deep.json",
            "laughs.yaml",
            "large.yaml",
            "fifo",
            "loop",
            "/dev/zero",
            "folder.toml",
            "nothing",
        )
    ),
    *(
        f"show {name}"
        for name in (
            "deep.toml",
            "huge.toml",
            "wide.toml",
            "large.toml",
            "fifo.toml",
            "loop.toml",
            "folder.toml",
        )
    ),
    *(
        f"run {name}"
        for name in (
            "deep.toml",
            "wide.toml",
            "large.toml",
            "fifo.toml",
            "loop.toml",
            "folder.toml",
        )
    ),
)


@pytest.mark.parametrize("name", NAMES)
def test_is_refused_in_one_line(
    answers: dict[str, tuple[int, str, float, int, str]], name: str
) -> None:
    code, said, seconds, grew, part = answers[name]
    line = said.strip().split("\n")[-1]
    assert (code, line.startswith("unimargin: ")) == (2, True), said[-500:]
    assert part in line
    assert len(line) < 1_100
    assert seconds < SECONDS
    assert grew < GREW
