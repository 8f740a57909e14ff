# make gate | test | lint | bench: each sets up .venv once, from constraints.txt, and says what it does.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.ready
MINUTES ?= 5
# they train for many minutes: what they show is in the README
SLOW_BENCHMARKS := benchmarks/learning.py benchmarks/pbt.py benchmarks/shifting.py benchmarks/default_check.py
# need a set-up of their own, or are imported by others
PARTS := benchmarks/learning_curves.py benchmarks/learning_tables.py benchmarks/sb3_plugin.py benchmarks/sb3_suite.py
BENCHMARKS = $(filter-out $(SLOW_BENCHMARKS) $(PARTS),$(sort $(wildcard benchmarks/*.py)))

# Bits depend on the number of threads: one, everywhere, set before torch is imported.
export OMP_NUM_THREADS := 1
export MKL_NUM_THREADS := 1

.DEFAULT_GOAL := help
.PHONY: help gate fuzz mutants kinds test lint bench field audit test-oldest test-cuda sb3-suite

help:
	@echo "make gate   generated scenarios of DistributionalPPO, saved, resumed and compared bit for bit"
	@echo "make fuzz   the same over the whole space for MINUTES=5, with a coverage table; failures are kept"
	@echo "make mutants  the kill matrix of the gate over all mutants, not every tenth; some minutes"
	@echo "make kinds  every fact of every kind of state, kept and lost: false alarms and losses found; some minutes"
	@echo "make test   all tests, on all cores"
	@echo "make lint   ruff, and mypy in strict mode"
	@echo "make test-oldest  the tests on the oldest libraries we promise, in a set-up of their own"
	@echo "make field  other people's libraries under test, each beside an experiment; writes docs/field.md; half an hour"
	@echo "make audit  what SB3 preserves of a run, algorithm by algorithm, and what resume() does; ARGS=--write writes the page"
	@echo "make test-cuda  the tests that need a GPU, on this machine's; without one they are skipped by name"
	@echo "make sb3-suite  SB3's own tests of PPO with DistributionalPPO in its place, in a set-up of their own"
	@echo "make bench  every benchmark but the learning curves, each a ratio measured side by side in one run"

gate: $(STAMP)
	@echo "gate: saving, resuming and comparing generated runs of DistributionalPPO"
	$(BIN)/python -m properties.gate $(ARGS)

fuzz: $(STAMP)
	@echo "fuzz: generated scenarios of all our subjects under all checks, for $(MINUTES) minutes"
	$(BIN)/python -m properties.fuzz --minutes $(MINUTES) --jobs 2 $(ARGS)

mutants: $(STAMP)
	@echo "mutants: every mutant of every kind on nine subjects, under the checks that must see it"
	$(BIN)/python -m properties.mutation $(ARGS)

kinds: $(STAMP)
	@echo "kinds: every fact of every kind of state, kept and lost; ARGS='--every N' for every N-th"
	$(BIN)/python -m properties.kinds $(ARGS)

test: $(STAMP)
	@echo "test: pytest on all cores"
	$(BIN)/python -m pytest -n auto $(ARGS)

test-cuda: $(STAMP)
	@echo "test-cuda: exact resume, streams, kernels and changes of device on a GPU; what is skipped is named"
	$(BIN)/python -m pytest -rs tests/algo/test_cuda.py $(ARGS)

sb3-suite: .venv-sb3/.ready
	@echo "sb3-suite: Stable-Baselines3's tests of PPO; what fails is explained or an error"
	.venv-sb3/bin/python -m benchmarks.sb3_suite $(ARGS)

.venv-sb3/.ready: pyproject.toml constraints.txt
	@echo "set-up: .venv-sb3 from constraints.txt and what SB3's tests import (once; a minute or two)"
	$(PYTHON) -m venv .venv-sb3
	.venv-sb3/bin/pip install --quiet --constraint constraints.txt --editable ".[dev]" setuptools pandas matplotlib opencv-python-headless ale-py
	@touch $@

lint: $(STAMP)
	@echo "lint: ruff and mypy"
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(STAMP)
	@echo "bench: one table a benchmark; ratios, not times, are the result"
	@set -e; for name in $(notdir $(basename $(BENCHMARKS))); do \
		echo "== $$name"; $(BIN)/python -m benchmarks.$$name; done
	@echo "not run here, for they train for minutes: $(SLOW_BENCHMARKS)"

field: .venv-field/.ready
	@echo "field: what is not in reports/field.jsonl yet; ARGS='--only GROUP', ARGS=--again"
	nice -n 10 .venv-field/bin/python -m field $(ARGS)

audit: $(STAMP)
	@echo "audit: every algorithm of Stable-Baselines3 and sb3-contrib, loaded as it is and by resume(); ten minutes"
	nice -n 5 $(BIN)/python -m audit $(ARGS)

.venv-field/.ready: pyproject.toml field/packages.txt field/constraints.txt
	@echo "set-up: .venv-field from field/constraints.txt (once; some minutes)"
	$(PYTHON) -m venv .venv-field
	.venv-field/bin/pip install --quiet --constraint field/constraints.txt --requirement field/packages.txt --editable .
	@touch $@

test-oldest: .venv-oldest/.ready
	@echo "test-oldest: pytest with Stable-Baselines3 2.3 and Gymnasium 0.29"
	.venv-oldest/bin/python -m pytest -n auto $(ARGS)

.venv-oldest/.ready: pyproject.toml constraints-oldest.txt
	@echo "set-up: .venv-oldest from constraints-oldest.txt (once; a minute or two)"
	$(PYTHON) -m venv .venv-oldest
	.venv-oldest/bin/pip install --quiet --constraint constraints-oldest.txt --editable ".[dev]"
	@touch $@

$(STAMP): pyproject.toml constraints.txt
	@echo "set-up: $(VENV) from constraints.txt (once; a minute or two)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "resumeproof needs Python 3.11 or newer, this is %s: make PYTHON=/path/to/python3.11" % sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)
	@rm -rf resumeproof.egg-info  # of an older checkout: pytest would load its entry points, too
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[dev]"
	@touch $@
