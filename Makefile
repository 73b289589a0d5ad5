# Each target does all its own set-up on a fresh machine: `make demo` shows what seqrobust does, `make test` checks it.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

# Small models gain nothing from more threads than the machine has idle cores.
export OMP_NUM_THREADS ?= 2
export MPLBACKEND := Agg

.PHONY: demo test lint slow hostile nightly clean

demo: $(VENV)/.installed
	$(BIN)/seqrobust run quickstart --out runs/quickstart --overwrite

test: lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --dist loadfile

slow: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -q -m slow

# SEQROBUST_HOSTILE multiplies the tries of every fuzzer and the kills (1 where it is not set).
hostile: $(VENV)/.installed-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -m "slow or not slow" tests/hostile tests/cli/test_changed_inputs.py

# What takes too long for every day: slow tests, and the simulations that judge every interval, test and verdict.
nightly: slow
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/calibration.py 1000
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/verdicts.py 50

lint: $(VENV)/.installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# torch first, at the tested version: other packages would take whatever build of it they find.
$(VENV)/.torch: constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch
	touch $@

$(VENV)/.installed: $(VENV)/.torch pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	touch $@

clean:
	rm -rf $(VENV) runs .mypy_cache .ruff_cache .pytest_cache .hypothesis
