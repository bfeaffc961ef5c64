"""Compile the hot modules; everything else about the package is in pyproject.toml.

The modules are ordinary Python files in Cython's pure Python mode.  Each extension is
optional: where no compiler is, the same file runs as plain Python, slower.  With the variable
UNIMARGIN_COMPILE=0 nothing is compiled; UNIMARGIN_CFLAGS adds flags, for tests of other builds.
"""

import os
import runpy
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

BUILD_INFO = runpy.run_path("simulator/build_info.py")
HOT_MODULES = BUILD_INFO["HOT_MODULES"]

# What Cython writes for memoryviews, compiled once and not into each module, of which it was half.
SHARED = "simulator._memoryviews"

# No fused multiply-add and no -march=native: the digest must be equal on any x86-64 machine.
# Python's own flags ask for a debugger's symbols: a quarter of the build's time, most of its size.
C_FLAGS = ["-O2", "-g0", "-ffp-contract=off", "-Wno-unused-function"]
C_FLAGS += os.environ.get("UNIMARGIN_CFLAGS", "").split()

DIRECTIVES = {
    "language_level": 3,
    "boundscheck": False,
    "wraparound": False,
    "initializedcheck": False,
    "cdivision": True,
}

ROOT = Path(__file__).parent


def source(module: str) -> str:
    return module.replace(".", "/") + ".py"


def extensions() -> list[Extension]:
    if os.environ.get("UNIMARGIN_COMPILE") == "0":
        return []
    listed = [
        Extension(module, [source(module)], extra_compile_args=C_FLAGS)
        for module in HOT_MODULES
        if (ROOT / source(module)).is_file()
    ]
    compiled = cythonize(
        [*listed, Extension(SHARED, [], extra_compile_args=C_FLAGS)],
        compiler_directives=DIRECTIVES,
        build_dir="build/cython",
        shared_utility_qualified_name=SHARED,
    )
    for extension in compiled:
        extension.optional = True  # cythonize makes new ones and forgets the flag
    return compiled


class RecordedBuild(build_ext):
    """Compile as usual, and write down from what: simulator/build_info.py says where."""

    def run(self) -> None:
        super().run()
        made_of = [(made.name, ROOT / made.sources[0]) for made in self.extensions or ()]
        BUILD_INFO["record_build"](ROOT, made_of)


setup(ext_modules=extensions(), cmdclass={"build_ext": RecordedBuild})
