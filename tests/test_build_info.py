"""Goal: an installation knows whether its hot modules run compiled, and says so when they do not.

Method: compare with what must be: all of them where the suite runs on a built tree, none in `make
pure`.
"""

from __future__ import annotations

import os
import shutil

import pytest

from simulator import build_info

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
