"""Goal: memory of columns that nobody holds any more is the system's again, though others between
them stay: what a second run of a large crowd stands on.
"""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

SCRIPT = """
import numpy as np
from simulator.exchange import memory

def resident():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) // 1024

if {mapped}:
    memory.map_large_columns()
np.ones(30 << 17).sum()  # once freed it lets the C library keep what is smaller
columns = [np.ones(6 << 17) for _ in range(20)]  # 6 MiB each
full = resident()
del columns[::2]
{after}
print(full - resident())
"""


def _has_glibc() -> bool:
    return sys.platform == "linux" and hasattr(ctypes.CDLL(None), "gnu_get_libc_version")


@pytest.mark.skipif(not _has_glibc(), reason="the C library is not glibc")
@pytest.mark.parametrize(
    ("mapped", "after"), [(True, ""), (False, "memory.give_back()")], ids=["mapped", "given back"]
)
def test_freed_columns_are_not_resident(mapped: bool, after: str) -> None:
    script = SCRIPT.format(mapped=mapped, after=after)
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(done.stdout) >= 40  # of 60 MiB; without either call none
