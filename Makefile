# `make run` and `make test` set up what they need; `make help` lists the rest.
# Setting up: a virtual environment in .venv, everything in requirements.lock, this tree compiled in place.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PY     := $(BIN)/python
OUT    ?= out
ARGS   ?=
SEED   ?=
SECONDS ?= 60
# Files of tests, one after the other, on as many processes as there are cores; tests/conftest.py orders them.
SPREAD := --numprocesses=auto --dist=loadfile --no-loadscope-reorder
SHIPPED := simulator strategies replay_data
CODE   := $(wildcard $(SHIPPED) tests bench setup.py .ci/audit.py)

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export UNIMARGIN_SHARED_DATA ?= $(abspath ../shared/data)

.DEFAULT_GOAL := help
.PHONY: campaign determinism help setup build run test check style types house format pure soak fuzz sim smoke wheel docs bench lock clean distclean

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 18

# --- Setting up -----------------------------------------------------------------------------------------

$(PY):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	    echo "$(PYTHON) -m venv failed; on Debian and Ubuntu it needs the package python3-venv" >&2; exit 1; }

$(VENV)/.locked: requirements.lock | $(PY)
	$(PY) -m pip install --quiet --require-hashes --requirement requirements.lock
	@touch $@

# pip compiles in a folder that it throws away, so `build` compiles instead, into one that it keeps.
$(VENV)/.installed: $(VENV)/.locked pyproject.toml setup.py
	UNIMARGIN_COMPILE=0 $(PY) -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

setup: $(VENV)/.installed ## virtual environment and editable install

build: $(VENV)/.installed ## compile the hot modules that changed
	@$(PY) setup.py --quiet build_ext --inplace --parallel 2 2>&1 | { grep -v "^performance hint" || true; }

# --- Main jobs ------------------------------------------------------------------------------------------

run: build ## both account modes side by side on the bundled data (ARGS="--mode unified" ...)
	$(BIN)/unimargin run --out $(OUT) $(ARGS)

test: build ## the whole suite (ARGS="-k margin" ...)
	$(PY) -m pytest $(SPREAD) $(ARGS)

# What each part says comes in one piece, where make can (from 4.0 on; macOS has 3.81).
SYNC := $(if $(filter output-sync,$(.FEATURES)),--output-sync=target)
check: build ## format, lint, types, layers, security and house rules, in under a minute
	@$(MAKE) --no-print-directory --jobs=2 $(SYNC) types house style

style:
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	$(BIN)/lint-imports
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive $(wildcard $(SHIPPED))
	$(PY) .ci/audit.py requirements.lock

types:
	$(BIN)/mypy

house:
	$(PY) -m pytest -q -m "not slow and not soak" tests/house

format: setup ## let ruff format the code and mend what it can
	$(BIN)/ruff format $(CODE)
	$(BIN)/ruff check --fix $(CODE)

# Extension modules win over .py files, so the uncompiled run needs a copy of the tree without them.  Whole hours
# (tests/strategies) take it minutes each; tests/simulation/test_uncompiled.py compares digests instead.  What works
# on files, databases and processes (tests/fuzz, tests/store, tests/determinism) has uncompiled cases of its own;
# the generator of the bundled data and the benchmarks (tests/replay_data, tests/bench) are no hot modules' business.
PURE := build/pure
pure: setup ## the suite on an uncompiled copy of the tree
	rm -rf $(PURE) && mkdir -p $(PURE)
	tar -cf - --exclude='*.so' --exclude=__pycache__ --exclude='bench/.*' $(wildcard pyproject.toml setup.py \
	    README.md docs simulator strategies replay_data tests bench) | tar -xf - -C $(PURE)
	cd $(PURE) && UNIMARGIN_UNCOMPILED=1 HYPOTHESIS_PROFILE=uncompiled PYTHONPATH=. \
	    ../../$(PY) -m pytest -q $(SPREAD) -m "not slow and not soak and not hours" \
	    $(foreach folder,house strategies fuzz store determinism replay_data bench,--ignore=tests/$(folder)) $(ARGS)

soak: build ## the tests that take long, with many examples
	HYPOTHESIS_PROFILE=soak $(PY) -m pytest -m "soak or slow" $(ARGS)

sim: build ## hunt for violations by drawn worlds (SECONDS=60), or replay one (SEED=123)
	$(PY) -m tests.simulation.hunt $(if $(SEED),--seed $(SEED),--seconds $(SECONDS)) $(ARGS)

FUZZ_SECONDS ?= 60
fuzz: build ## coverage-guided inputs for everything that reads (FUZZ_SECONDS=600 a target)
	$(PY) -m tests.fuzz.atheris_readers $(FUZZ_SECONDS) $(ARGS)

INPUTS  ?= 1000000
MINUTES ?= 90
campaign: build ## hostile inputs by number for everything that reads (INPUTS=1000000 MINUTES=90)
	$(PY) -m tests.fuzz.campaign --inputs $(INPUTS) --minutes $(MINUTES) --keep build/fuzz/found \
	    --record build/fuzz/campaign.json $(ARGS)

determinism: build ## same bits by other Pythons, compilers and flags that this machine has
	$(PY) -m pytest -m "soak or not soak" -rs tests/determinism $(ARGS)

bench: build ## measure speed on this machine
	$(BIN)/unimargin bench $(ARGS)

docs: setup ## the documentation as a site in site/; dead links fail
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

# --- Packaging ------------------------------------------------------------------------------------------

# What is compiled in place is not compiled again; `-m` makes it newer than its sources.  A module that failed to
# compile has left an older one there, which goes into no wheel.
LIB := build/wheel/lib
wheel: build ## a wheel in dist/
	@$(PY) -c 'import sys; from simulator.build_info import stale_notice; sys.exit(stale_notice())'
	rm -rf build/wheel dist/*.whl && mkdir -p $(LIB)
	find simulator -name "*$$($(PY) -c 'import sysconfig; print(sysconfig.get_config_var("EXT_SUFFIX"))')" \
	    | tar -cf - -T - | tar -xmf - -C $(LIB)
	printf '[build]\nbuild_base = build/wheel\nbuild_lib = $(LIB)\n[build_ext]\nparallel = 2\n' > build/wheel.cfg
	DIST_EXTRA_CONFIG=build/wheel.cfg $(PY) -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .

# The lock's versions, without its hashes: pip asks for none of a wheel that was just built.
smoke: wheel ## install the wheel in an empty environment elsewhere and run it
	sed -nE 's/^([a-z0-9][^\\]*[^\\ ]) *\\?$$/\1/p' requirements.lock > build/constraints.txt
	PYTHON=$(PY) bash .ci/wheel_smoke dist/unimargin-*.whl build/constraints.txt

# uv resolves for all Python versions and machines at once; --upgrade as ARGS takes newer versions.
lock: ## write requirements.lock anew from pyproject.toml (ARGS=--upgrade)
	$(PYTHON) -m venv build/uv
	build/uv/bin/pip install --quiet uv
	UV_SYSTEM_CERTS=1 build/uv/bin/uv pip compile pyproject.toml --group build --group dev --group docs \
	    --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --quiet \
	    $(ARGS) --output-file requirements.lock

clean: ## what building and running left, but not the environment
	rm -rf build dist site out *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis \
	    .import_linter_cache $(VENV)/.installed
	find simulator strategies tests -name '*.so' -delete -o -name '*.c' -delete
	find simulator strategies tests -name __pycache__ -prune -exec rm -rf {} +

distclean: clean ## everything that is not in the repository
	rm -rf $(VENV)
