"""Goal: an installation knows whether its hot modules run compiled, and says so when they do not.

Method: compare with what must be: all of them where the suite runs on a built tree, none in `make
pure`.  Trees of two modules, built, pulled, checked out and back, say whether they are stale.
"""

from __future__ import annotations

import os
import shutil
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

import simulator
from simulator import build_info
from simulator.cli.main import run_command

UNCOMPILED = os.environ.get("UNIMARGIN_UNCOMPILED") == "1"


def test_hot_modules_run_as_this_suite_expects() -> None:
    if not UNCOMPILED and not any(map(shutil.which, (os.environ.get("CC", "cc"), "gcc", "clang"))):
        pytest.skip("no C compiler on this machine")
    expected = () if UNCOMPILED else build_info.HOT_MODULES
    assert build_info.compiled_modules() == expected


def test_notice_is_one_line_and_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build_info, "is_compiled", lambda module: module.endswith("queue"))
    notice = build_info.uncompiled_notice()
    assert notice is not None
    assert notice.startswith(f"{len(build_info.HOT_MODULES) - 1} of {len(build_info.HOT_MODULES)} ")
    assert "\n" not in notice


def test_no_notice_when_all_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build_info, "is_compiled", lambda module: True)
    assert build_info.uncompiled_notice() is None


HOT = ("simulator.units.arithmetic", "simulator.book.queue")
BUILT, LATER = 1_000_000_000, 2_000_000_000


def put(path: Path, text: str, seconds: int = BUILT) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (seconds, seconds))
    return path


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a source tree of two hot modules that was built at ``BUILT``."""
    monkeypatch.setattr(build_info, "HOT_MODULES", HOT)
    put(tmp_path / "setup.py", "")
    for module in HOT:
        put(tmp_path / (module.replace(".", "/") + ".py"), f"# {module}")
        put(build_info.compiled_path(tmp_path, module), "machine code")
    put(tmp_path / "simulator/book/queue.pxd", "cdef class Queue: ...")
    assert build_info.record_build(tmp_path, translated(tmp_path))
    for record in (tmp_path / "build").glob("compiled-*.txt"):
        os.utime(record, (BUILT, BUILT))
    return tmp_path


def translated(root: Path, seconds: int = BUILT) -> list[tuple[str, Path]]:
    return [(module, put(root / f"build/{module}.c", "/* C */", seconds)) for module in HOT]


def test_built_tree_is_not_stale(tree: Path) -> None:
    assert build_info.stale_sources(tree) == []


@pytest.mark.parametrize("changed", ["simulator/book/queue.py", "simulator/book/queue.pxd"])
@pytest.mark.parametrize("seconds", [BUILT - 1, LATER])
def test_another_source_is_stale_whatever_its_time(tree: Path, changed: str, seconds: int) -> None:
    put(tree / changed, "# another", seconds)
    assert build_info.stale_sources(tree) == [changed]
    line = build_info.stale_notice.__wrapped__(tree)
    assert line == (
        f"compiled modules are older than their source ({changed}): "
        "run `make build` (or `pip install -e .`)"
    )


def test_checkout_there_and_back_is_not_stale(tree: Path) -> None:
    """Git gives both files new times; what they hold is what was compiled."""
    path = tree / "simulator/book/queue.py"
    put(path, path.read_text(), LATER)
    assert build_info.stale_sources(tree) == []


def test_new_hot_module_among_compiled_ones_is_stale(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build_info, "HOT_MODULES", (*HOT, "simulator.book.levels"))
    put(tree / "simulator/book/levels.py", "# new")
    assert build_info.stale_sources(tree) == ["simulator/book/levels.py"]


def test_single_module_compiled_behind_the_build_counts(tree: Path) -> None:
    put(tree / "simulator/book/queue.py", "# another", LATER)
    put(build_info.compiled_path(tree, "simulator.book.queue"), "newer", LATER + 1)
    assert build_info.stale_sources(tree) == []


def test_without_record_times_decide(tree: Path) -> None:
    shutil.rmtree(tree / "build")
    assert build_info.stale_sources(tree) == []
    put(tree / "simulator/units/arithmetic.py", "# another", LATER)
    assert build_info.stale_sources(tree) == ["simulator/units/arithmetic.py"]


def test_module_that_did_not_compile_is_not_written_down(tree: Path) -> None:
    put(tree / "simulator/book/queue.py", "# another", LATER)
    assert not build_info.record_build(tree, translated(tree, LATER))
    assert build_info.stale_sources(tree) == ["simulator/book/queue.py"]


def test_uncompiled_tree_and_installed_package_are_not_looked_at(tree: Path) -> None:
    put(tree / "simulator/book/queue.py", "# another", LATER)
    (tree / "setup.py").unlink()
    assert build_info.stale_notice.__wrapped__(tree) is None
    for path in tree.rglob(f"*{EXTENSION_SUFFIXES[0]}"):
        path.unlink()
    assert build_info.stale_sources(tree) == []


def test_stale_modules_are_one_line_before_anything_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("simulator.cli.frame.stale_notice", lambda: "compiled modules are older")
    assert run_command(["scenarios"]) == 2
    assert capsys.readouterr() == ("", "unimargin: compiled modules are older\n")
    monkeypatch.setattr(build_info, "stale_notice", lambda: "compiled modules are older")
    with pytest.raises(simulator.InputError, match="compiled modules are older"):
        _ = simulator.Simulation


def test_setup_of_another_package_beside_an_installed_one_means_nothing(tree: Path) -> None:
    """Some wheels put theirs into site-packages, where times are those of unpacking."""
    put(tree / "simulator/book/queue.py", "# unpacked last", LATER)
    (tree / "unimargin-0.1.0.dist-info").mkdir()
    assert build_info.stale_notice.__wrapped__(tree) is None
