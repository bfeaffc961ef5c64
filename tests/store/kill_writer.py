"""The writing process of a journal, armed: ``python -m tests.store.kill_writer``."""

from __future__ import annotations

import os

from simulator.store.writing_process import main
from tests.store.kill_points import arm_writer, death_asked

if __name__ == "__main__":
    death = death_asked()
    assert death is not None
    arm_writer(death)
    os._exit(main())
