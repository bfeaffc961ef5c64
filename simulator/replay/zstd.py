"""Text of a zstd file, unpacked in a process of its own.

Python has zstd from 3.14 on; before, polars' own is used, which unpacks a whole file at once.  A
child does that with a bound on its memory, so that a small file that unpacks to terabytes costs
what the limits allow and no more.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import IO, cast

from simulator.errors import InputError

BASE_BYTES = 3 * 2**29
"""Address space of the child's libraries on one thread; they reserve 0.8 GB and touch little."""

COPIES = 4
"""Times that a file's text is in the child's memory: polars' buffers and its column of lines."""

SLICE_ROWS = 1 << 16


class Unpacked(io.RawIOBase):
    """The child's text as a stream; its end is checked, so that half a file is no file."""

    def __init__(self, path: Path, most: int) -> None:
        self._path = path
        # -P: no module is taken from the folder that one happens to stand in.
        self._child = subprocess.Popen(  # nosec B603 # no shell; this program, path and number
            [sys.executable, "-P", "-m", "simulator.replay.zstd", str(path), str(most)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "POLARS_MAX_THREADS": "1"},
        )

    def readable(self) -> bool:
        """Whether it can be read: it can."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override,unused-ignore]
        """Fill a buffer; 0 at the end.  Raises ``InputError`` where the child did not finish."""
        assert self._child.stdout is not None
        count = cast(io.BufferedReader, self._child.stdout).readinto(buffer)
        if count == 0 and self._child.wait() != 0:
            raise InputError(
                f"{self._path}: damaged zstd data, or it unpacks to more than --max-bytes and "
                "--max-ratio allow"
            )
        return count

    def close(self) -> None:
        """End the child, if it has not ended."""
        if not self.closed:
            assert self._child.stdout is not None
            self._child.stdout.close()
            self._child.kill()
            self._child.wait()
        super().close()


def open_zstd(path: Path, most: int) -> IO[bytes]:
    """Open a zstd file's text; ``most`` bytes of it are more than the limits allow."""
    return cast(IO[bytes], io.BufferedReader(Unpacked(path, most), 1 << 20))


def main() -> None:
    """Write the text of the file that the arguments name to standard output."""
    path, most = sys.argv[1], int(sys.argv[2])
    try:
        import resource
    except ImportError:  # Windows
        pass
    else:
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        soft = BASE_BYTES + COPIES * most
        soft = soft if hard == resource.RLIM_INFINITY else min(soft, hard)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    import polars as pl

    frame = pl.read_csv(
        path,
        has_header=False,
        separator="\x01",
        quote_char=None,
        schema={"line": pl.String},
        empty_string_is_null=False,
    )
    between = b""
    for part in frame.iter_slices(SLICE_ROWS):
        sys.stdout.buffer.write(between + "\n".join(part["line"].to_list()).encode())
        between = b"\n"
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
