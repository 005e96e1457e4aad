# yuanlu: `make` lists the targets. Everything they need they install into .venv.
# Debian's own Python where it will do: it is built with profiles, and needs a fifth less CPU than most built by hand.
PYTHON ?= $(shell /usr/bin/python3 -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
  && echo /usr/bin/python3 || echo python3)
BIN := .venv/bin
RUNS := .venv/.runs
TESTS := .venv/.tests
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
DEBIAN := fonts-noto-cjk libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 tesseract-ocr chromium
LOCK := $(BIN)/uv pip compile --quiet --generate-hashes --no-header --python-version 3.11
SHELL := /bin/bash
# Commands are started by the hundred in the tests: they need not compile the package anew each time.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup system demo test laws lint bench shots docs lock advisories clean

help: ## List the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: $(TESTS) system ## Install what running and testing need, pinned by hash, into .venv

system: ## Install what evidence packs and the reading of pictures need of Debian (as root; else say what is missing)
	@command -v dpkg >/dev/null || exit 0; missing=; \
	for each in $(DEBIAN); do dpkg -s $$each >/dev/null 2>&1 || missing="$$missing $$each"; done; \
	[ -n "$$missing" ] || exit 0; \
	if [ "$$(id -u)" = 0 ]; then \
	  echo "installing Debian's$$missing for evidence packs, the reading of pictures and the till in a browser…" >&2; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null \
	    || echo "they could not be installed: evidence packs cannot be made, pictures not read or the till not looked at; the tests of it are skipped" >&2; \
	else \
	  echo "evidence packs, the reading of pictures and the tests of the till need: apt-get install$$missing (until then the tests of it are skipped)" >&2; \
	fi

$(RUNS): requirements/build.txt requirements/run.txt pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || { echo "python3-venv is missing: apt-get install python3-venv" >&2; exit 1; }
	@echo "installing into .venv (half a minute the first time)…" >&2
	@$(PIP) --require-hashes -r requirements/build.txt -r requirements/run.txt
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

$(TESTS): $(RUNS) requirements/test.txt
	@echo "installing what the tests need…" >&2
	@$(PIP) --require-hashes --no-build-isolation --use-pep517 -r requirements/test.txt
	@touch $@

demo: $(RUNS) ## Play a mistaken scan from charge to money back, and leave it running (Ctrl-C ends it)
	@$(BIN)/yuanlu demo

test: lint advisories system ## Lint, types, import contracts and every test but the long ones
	$(BIN)/python -m pytest -m "not long" --numprocesses=3 --dist=loadfile

laws: $(TESTS) ## The exhaustive form of the laws, of the crash tests and of looking at the till
	$(BIN)/python -m pytest -m "long" tests/laws tests/faults tests/browser

lint: $(TESTS) ## Style, strict types, who may import whom, weaknesses that bandit knows
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive --severity-level medium yuanlu scripts

advisories: $(TESTS) ## Compare what is pinned with an export of OSV records (OSV=file); says so where there is none
	@$(BIN)/python scripts/advisories.py --osv "$(OSV)"

bench: $(TESTS) system ## Every figure beside its floor, in one run
	$(BIN)/yuanlu bench

shots: $(TESTS) ## Pictures of every screen and state, light and dark, in both languages, into build/shots
	SHOTS=build/shots $(BIN)/python -m pytest -m "not long" -k "read_by_all or found_by_all or is_set_up or a_slip_is_sent" tests/browser

docs: $(TESTS) ## Draw again what is drawn from the code
	$(BIN)/python scripts/draw.py
	$(BIN)/python scripts/licences.py

lock: ## Pin the requirements again (after editing requirements/*.in)
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(PIP) uv
	$(LOCK) requirements/build.in -o requirements/build.txt
	$(LOCK) requirements/run.in -o requirements/run.txt
	$(LOCK) requirements/run.in requirements/test.in -c requirements/run.txt -o requirements/test.txt

clean: ## Remove what was built
	rm -rf .venv *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
