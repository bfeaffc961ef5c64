"""A PostgreSQL server of the tests' own, from the binaries that a distribution installs.

It listens on a socket in a folder of its own and on no port, trusts whoever reaches that, and is
gone with the tests.  The server refuses to run as root: then it runs as ``postgres`` or ``nobody``.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

USER = "unimargin"
START_SECONDS = 300.0
"""A machine with much other work may take long; one that does not start ends at once."""

SETTINGS = {
    "listen_addresses": "",
    "max_connections": "40",
    "shared_buffers": "64MB",
    "max_wal_size": "1GB",
}


def binaries() -> Path | None:
    """Return the folder of the newest PostgreSQL's programs, ``None`` where there is none."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    folders = [
        path.parent
        for pattern in ("/usr/lib/postgresql/*/bin/initdb", "/usr/pgsql-*/bin/initdb")
        for path in Path("/").glob(pattern[1:])
    ]
    return max(folders, key=lambda path: float(path.parent.name.split("-")[-1]), default=None)


def _unprivileged() -> dict[str, Any]:
    """Return whom to run the server as: keywords of ``subprocess``."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    return {}


def _ending_with_the_tests() -> list[str]:
    """Return a command to start another with, so that it stops when these tests are killed."""
    found = shutil.which("setpriv")
    return [found, "--pdeathsig", "INT"] if found else []


class Server:
    """A server that runs until ``stop``; may be killed and started again on the same data."""

    def __init__(self, programs: Path) -> None:
        self.programs = programs
        self.runs_as = _unprivileged()
        # A socket's path has a hundred characters at most, so not below pytest's folder.
        self.folder = Path(tempfile.mkdtemp(prefix="pg-"))
        self.data = self.folder / "data"
        if self.runs_as:
            os.chown(self.folder, self.runs_as["user"], self.runs_as["group"])
        self.process: subprocess.Popen[bytes] | None = None
        subprocess.run(
            [
                *(programs / "initdb", "--pgdata", self.data, "--username", USER),
                *("--auth", "trust", "--encoding", "UTF8", "--locale", "C", "--no-sync"),
            ],
            check=True,
            capture_output=True,
            cwd="/",
            **self.runs_as,
        )
        self.start()

    def start(self) -> None:
        """Start the server and wait until it answers."""
        options = [f"-c{name}={value}" for name, value in SETTINGS.items()]
        log = self.folder / "log"
        with log.open("ab") as file:
            self.process = subprocess.Popen(
                [
                    *_ending_with_the_tests(),
                    *(self.programs / "postgres", "-D", self.data, "-k", self.folder),
                    *options,
                ],
                stdout=file,
                stderr=file,
                cwd="/",
                start_new_session=True,
                **self.runs_as,
            )
        ready = [self.programs / "pg_isready", "--host", self.folder, "--username", USER]
        until = time.monotonic() + START_SECONDS
        while subprocess.run(ready, capture_output=True, check=False).returncode:
            if self.process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"PostgreSQL does not start: {log.read_text()[-2000:]}")
            time.sleep(0.05)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop the server: SIGINT ends its sessions at once, SIGQUIT as if it had crashed."""
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(timeout=START_SECONDS)
            self.process = None

    def remove(self) -> None:
        """Stop the server and delete its data."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, database: str) -> str:
        """Return the URL of a database."""
        return f"postgresql://{USER}@/{database}?host={self.folder}"

    def create(self, database: str, template: str = "template0") -> str:
        """Make an empty database, or a copy of another, and return its URL."""
        self._run("createdb", "--template", template, database)
        return self.url(database)

    def drop(self, database: str) -> None:
        """Delete a database, whoever is still connected to it."""
        self._run("dropdb", "--if-exists", "--force", database)

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [self.programs / program, "--host", self.folder, "--username", USER, *arguments],
            check=True,
            capture_output=True,
        )
