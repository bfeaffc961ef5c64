"""Coverage-guided inputs: ``python -m tests.fuzz.atheris_readers SECONDS [TARGET]``.

`atheris <https://github.com/google/atheris>`_ keeps the inputs that reach new lines of the package
and goes on from those; what it changes by itself are bytes, so a target's own change is its mutator
every other time.  Without a target all are fuzzed, each for so many seconds in a process of
its own.  Corpus and findings are kept in ``build/fuzz``.  Exit code 1 if there is a finding, 0 and
a line that says why where atheris is not installed.
"""

from __future__ import annotations

import re
import subprocess
import sys
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from random import Random

KEPT = Path(__file__).resolve().parents[2] / "build" / "fuzz"


def every(seconds: int) -> int:
    """Fuzz all targets one after the other, and say how many inputs each was given."""
    from tests.fuzz.targets import TARGETS

    wrong = 0
    for target in TARGETS:
        command = [sys.executable, "-m", "tests.fuzz.atheris_readers", str(seconds), target.name]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace")
        inputs = re.search(r"number_of_executed_units: (\d+)", done.stderr)
        new = re.search(r"new_units_added: +(\d+)", done.stderr)
        counts = [int(found[1]) if found else 0 for found in (inputs, new)]
        print(
            f"{target.name}: {counts[0]:,} inputs, {counts[1]:,} reached something new", flush=True
        )
        if done.returncode:
            wrong += 1
            print("\n".join(done.stderr.splitlines()[-30:]), flush=True)
    return 1 if wrong else 0


def fuzz(name: str, seconds: int) -> int:
    """Fuzz a target for so many seconds; libFuzzer ends the process itself."""
    import atheris  # type: ignore[import-not-found,unused-ignore]

    with atheris.instrument_imports(include=["simulator"]):
        from tests.fuzz.targets import TARGETS
    target = {one.name: one for one in TARGETS}[name]
    folder = name.replace(" ", "-")
    corpus, found = KEPT / "corpus" / folder, KEPT / "found" / folder
    for path in (corpus, found):
        path.mkdir(parents=True, exist_ok=True)
    for seed in target.seeds():
        (corpus / sha256(seed).hexdigest()[:16]).write_bytes(seed)

    def change(data: bytes, most: int, seed: int) -> bytes:
        # A target without raw bytes takes only what its own change makes of a seed.
        if seed % 2 and target.raw:
            return bytes(atheris.Mutate(data, most))
        made = target.change(data, Random(seed))
        return made if len(made) <= most else data

    def read(data: bytes) -> None:
        if data.strip():  # libFuzzer begins with an empty input and one line end
            target.answer(data)

    # Seconds an input may take are watched by the target itself, so libFuzzer's clock is off.
    options = [f"-max_total_time={seconds}", "-timeout=0", "-rss_limit_mb=4096", "-max_len=262144"]
    options += [f"-artifact_prefix={found}/", "-print_final_stats=1", "-verbosity=0"]
    atheris.Setup([sys.argv[0], *options, str(corpus)], read, custom_mutator=change)
    atheris.Fuzz()
    return 0


def main(seconds: int, name: str = "") -> int:
    """Fuzz a target, or all."""
    if find_spec("atheris") is None:
        print("not run: atheris is not installed (it has wheels for Linux on x86-64 only)")
        return 0
    return fuzz(name, seconds) if name else every(seconds)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), *sys.argv[2:3]))
