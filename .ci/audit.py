"""Ask whether packages of the lock file have known vulnerabilities: `python .ci/audit.py LOCK`.

pip-audit asks a service on the network.  Where that cannot be reached, or knows none of the
packages (a mirror has no such data), one line says so and nothing fails: a check of the tree must
work offline.  What is found fails.  An answer is kept for the day in build/, under the hash of the
lock.
"""

import hashlib
import json
import re
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

KEPT = Path("build/audit")
SERVICES = ("pypi", "osv")
SECONDS = 5
"""Longest wait for one answer of a service."""

LONGEST = 50
"""Longest wait for all packages."""

PINNED = re.compile(r"^([A-Za-z0-9._-]+==[^ ;\\]+)", re.MULTILINE)


def main() -> int:
    """Return 0 if nothing is known or nobody could be asked, 1 if a package is vulnerable."""
    lock = Path(sys.argv[1])
    pins = PINNED.findall(lock.read_text(encoding="utf-8"))
    digest = hashlib.sha256("\n".join(pins).encode()).hexdigest()[:16]
    kept = KEPT / f"{datetime.now(UTC):%Y-%m-%d}-{digest}"
    if kept.is_file():
        print(kept.read_text(encoding="utf-8"), end="")
        return 0
    reasons = []
    for service in SERVICES:
        # One package first: eighty would wait eighty times for a service that does not answer.
        answer = ask(service, pins[:1])
        if isinstance(answer, list) and known(answer):
            answer = ask_all(service, pins)
        if isinstance(answer, str):
            reasons.append(f"{service}: {answer}")
        elif not known(answer):
            reasons.append(f"{service}: knows none of our packages")
        else:
            return report(service, answer, kept)
    print(f"pip-audit: NOT CHECKED, {'; '.join(reasons)}")
    return 0


def ask_all(service: str, pins: list[str]) -> list[dict[str, Any]] | str:
    """Return what a service says of all packages, in one round for each version of a package.

    The lock has two versions where Python versions differ; pip-audit takes one at a time.
    """
    answers: list[dict[str, Any]] = []
    while pins:
        round_of = {pin.partition("==")[0]: pin for pin in reversed(pins)}
        answer = ask(service, list(round_of.values()))
        if isinstance(answer, str):
            return answer
        answers += answer
        pins = [pin for pin in pins if pin not in round_of.values()]
    return answers


def ask(service: str, pins: list[str]) -> list[dict[str, Any]] | str:
    """Return what a service says of each package, or in a line why it says nothing."""
    options = ["--no-deps", "--disable-pip", "--progress-spinner", "off", "--format", "json"]
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as listed:
        listed.write("\n".join(pins))
        listed.flush()
        command = [sys.executable, "-P", "-m", "pip_audit", "--requirement", listed.name, *options]
        command += ["--vulnerability-service", service, "--timeout", str(SECONDS)]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, check=False, timeout=LONGEST
            )
        except subprocess.TimeoutExpired:
            return f"no answer in {LONGEST} s"
    try:
        found: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        said = [line for line in done.stderr.splitlines() if line.strip()]
        return f"cannot be asked ({said[-1][:100] if said else done.returncode})"
    return found


def known(answer: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the packages that the service knows."""
    return [one for one in answer if "vulns" in one]


def report(service: str, answer: list[dict[str, Any]], kept: Path) -> int:
    """Print what is known; keep it if that is nothing bad."""
    bad = [one for one in known(answer) if one["vulns"]]
    for one in bad:
        for vulnerability in one["vulns"]:
            mended = ", ".join(vulnerability.get("fix_versions", ())) or "nowhere"
            print(f"{one['name']} {one['version']}: {vulnerability['id']}, mended in {mended}")
    unknown = len(answer) - len(known(answer))
    line = f"pip-audit: {len(known(answer))} packages, {len(bad)} vulnerable ({service})"
    line += f"; {unknown} not known there" if unknown else ""
    print(line)
    if not bad:
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(f"{line}, asked today\n", encoding="utf-8")
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main())
