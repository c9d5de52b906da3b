# What a person or a machine does with this project. `make` alone lists it.

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready

PORT ?= 8080
DATA_DIR ?= data/demo
COLLECTIONS ?=
ONCE ?=
TESTS ?= tests
PYTEST_OPTIONS ?=
TEST_PROCESSES ?= 3

export OPENEO_SHARED ?= $(abspath ../shared)

.DEFAULT_GOAL := help
.PHONY: help setup demo test check conformance bench docs lock clean

help:  ## list these targets
	@echo "make TARGET"
	@sed -n 's/^\([a-z]*\):.*## /  \1|/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "%-14s%s\n", $$1, $$2}'
	@echo
	@echo "  make demo honours PORT=8080 DATA_DIR=data/demo COLLECTIONS=folder ONCE=1"
	@echo "  make test honours TESTS=tests/unit, TEST_PROCESSES=3 (0 for one after the other) and PYTEST_OPTIONS=..."
	@echo "  PYTHON=... chooses the interpreter of the first setup (3.12 or newer)"

setup: $(READY)  ## make .venv with everything of the lock file

# Asks for nothing from outside but the packages of the lock file, whose hashes are checked.
$(READY): requirements.lock pyproject.toml
	@set -e; python=$$(tools/find_python); \
	if ! $(BIN)/python -c 'import sys; assert sys.version_info >= (3, 12)' 2>/dev/null; then \
		echo "Making $(VENV) with $$python ..."; "$$python" -m venv --clear $(VENV); \
	fi
	@echo "Installing what requirements.lock names (a minute or two, once) ..."
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(READY)

demo: $(READY)  ## import a collection, start the server, run the quickstart; keeps serving
	@$(BIN)/pygeoapi-openeo demo --port "$(PORT)" --data-dir "$(DATA_DIR)" \
		$(if $(COLLECTIONS),--collections "$(COLLECTIONS)") $(if $(filter-out 0 no false,$(ONCE)),--once)

test: $(READY)  ## all three rings of tests
	@tools/install_real_parts --report
	@$(BIN)/python -m pytest -n $(TEST_PROCESSES) --dist worksteal $(PYTEST_OPTIONS) $(TESTS)

check: $(READY)  ## format, lint, types, house rules, lock file
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python tools/check_lock.py
	$(BIN)/python tools/make_docs.py --check
	$(BIN)/python -m pytest -q tests/unit/test_house.py

conformance: $(READY)  ## the official process cases; writes build/conformance.json
	$(BIN)/python tests/conformance/run.py

bench: $(READY)  ## the workloads beside their hand-tuned lower bounds
	$(BIN)/python benchmarks/run.py

docs: $(READY)  ## write the generated pages of docs/
	$(BIN)/python tools/make_docs.py

lock:  ## resolve requirements.lock anew from pyproject.toml (asks the package registry)
	@test -x $(BIN)/python || $$(tools/find_python) -m venv $(VENV)
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.12 --generate-hashes \
		--extra build --extra check --extra dask --extra test \
		--custom-compile-command "make lock" --output-file requirements.lock $(LOCK_OPTIONS)

clean:  ## remove .venv, build and the caches; data stays
	rm -rf $(VENV) build .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
