# Every target builds .venv first, so that `make demo` and `make test` work on a bare machine.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready
# A process a core; the tests of a file stay together, for they share what is costly to make.
PARALLEL := -n auto --dist loadfile

.PHONY: demo reproduce test check slow bench nvlink-vs-pcie clean

demo: $(READY)
	$(BIN)/moesim demo

# The figures and claims of arXiv 2507.15465, into results/paper.
reproduce: $(READY)
	$(BIN)/moesim reproduce

test: $(READY)
	$(BIN)/pytest $(PARALLEL) -m "not slow"

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/pytest tests/test_readme.py tests/test_validation.py tests/test_nvlink_vs_pcie.py -m "not slow"

slow: $(READY)
	$(BIN)/pytest $(PARALLEL) -m slow
	$(BIN)/moesim reproduce --check
	$(BIN)/pytest $(PARALLEL) -m "not slow" --hypothesis-profile=full

# NAMES="a c1" measures these alone; options may follow: NAMES="a --scale 0.01".
bench: $(READY)
	$(BIN)/python -m bench $(NAMES)

# The study of results/nvlink_vs_pcie, made anew.
nvlink-vs-pcie: $(READY)
	$(BIN)/python -m sim.study.nvlink_vs_pcie results/nvlink_vs_pcie

clean:
	rm -rf .venv dist results/runs .mypy_cache .pytest_cache .ruff_cache

$(READY): pyproject.toml hatch_build.py
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	touch $(READY)
