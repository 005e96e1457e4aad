# yuanlu: `make` lists the targets. Everything they need they install into .venv.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
SHELL := /bin/bash

.PHONY: help setup demo test laws lint bench docs lock clean

help: ## List the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: $(STAMP) ## Install what running and testing need, pinned by hash, into .venv

$(STAMP): requirements/run.txt requirements/test.txt pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || { echo "python3-venv is missing: apt-get install python3-venv" >&2; exit 1; }
	@echo "installing into .venv (a minute the first time)…" >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/test.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: $(STAMP) ## Play a mistaken scan from charge to money back, and leave it running (Ctrl-C ends it)
	@$(BIN)/yuanlu demo

test: lint ## Lint, types, import contracts and every test but the long ones
	$(BIN)/python -m pytest -m "not long"

laws: $(STAMP) ## The exhaustive form of the laws and crash tests
	$(BIN)/python -m pytest -m "long" tests/laws tests/faults

lint: $(STAMP) ## Style, strict types, who may import whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

bench: $(STAMP) ## Every figure beside its floor, in one run
	$(BIN)/yuanlu bench

docs: $(STAMP) ## Draw again what is drawn from the code
	$(BIN)/python scripts/draw.py

lock: $(STAMP) ## Pin the requirements again (after editing requirements/*.in)
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --generate-hashes --no-header --python-version 3.11 requirements/run.in -o requirements/run.txt
	$(BIN)/uv pip compile --quiet --generate-hashes --no-header --python-version 3.11 requirements/run.in requirements/test.in -c requirements/run.txt -o requirements/test.txt

clean: ## Remove what was built
	rm -rf .venv *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
