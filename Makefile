# Two commands for a fresh machine with Python 3.11+:  make demo  and  make test
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
ORACLE := $(VENV)/.oracle

.PHONY: help setup oracle demo test quick lint lock bench clean

help: ## Say what each target does
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

setup: $(STAMP) ## Make the environment from the locked versions

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "fisc needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version). Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[test]'
	@touch $@

demo: setup ## The main job: compare tax systems on US incomes and law
	$(BIN)/fisc compare us-2024 --budget quick --seeds 3 --resume

# The reference program, for parity tests alone; its own dependencies are pinned to 2021 and no longer install.
oracle: $(ORACLE) ## Install the reference program beside fisc

$(ORACLE): $(STAMP)
	$(BIN)/python -m pip install --quiet --no-deps ai-economist==1.7.1
	@touch $@

test: setup oracle lint ## All tests
	$(BIN)/python -m pytest -n 2 --dist worksteal

quick: setup ## The tests that take seconds
	$(BIN)/python -m pytest -n 2 -m 'not slow'

bench: setup oracle ## Speed against the reference program; stores the result
	$(BIN)/python benchmarks/one_step_speed.py --out benchmarks/results/one_step_speed.json
	$(BIN)/python benchmarks/gather_trade_build_speed.py --out benchmarks/results/gather_trade_build_speed.json

lint: setup ## Style and layer contracts
	$(BIN)/ruff check .
	$(BIN)/lint-imports --no-cache

lock: ## Renew constraints.txt from the ranges in pyproject.toml (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --extra test --no-emit-index-url --no-emit-find-links --no-header --output-file constraints.txt pyproject.toml

clean: ## Remove the environment and caches
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache .hypothesis
