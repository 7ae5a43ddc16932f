# Every target makes the environment it needs in .venv, once; nothing else has to be installed beforehand
# than Python 3.11 or newer. pyproject.toml and constraints.txt are what the stamps depend on.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --constraint constraints.txt
DEMO := $(VENV)/.installed-demo
DEV := $(VENV)/.installed-dev
BROWSER := $(VENV)/.installed-browser
LINT := $(VENV)/.installed-lint
PEERS := $(VENV)/.installed-peers

# make demo PHOTOS=~/Pictures QUERY=a.jpg
PHOTOS ?=
QUERY ?=
# not every shell expands ~ after =
home = $(patsubst ~/%,$(HOME)/%,$(1))
# make test ARGS='-m slow'
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help demo test test-browser bench lint types wheel ci clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(DEMO): pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) --editable '.[demo]'
	@touch $@

$(DEV): pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) --editable '.[dev]'
	@touch $@

$(LINT): pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) --editable '.[dev,lint]'
	@touch $@

$(BROWSER): pyproject.toml constraints.txt .ci/browser | $(BIN)/python
	$(PIP) --editable '.[dev,browser]'
	bash .ci/browser $(VENV)
	@touch $@

$(PEERS): pyproject.toml constraints.txt benchmarks/peers/requirements.txt | $(BIN)/python
	$(PIP) --editable '.[dev]' --requirement benchmarks/peers/requirements.txt
	@touch $@

demo: $(DEMO) ## index the demo pictures (or PHOTOS=folder), search (QUERY=picture), draw a sheet
	$(BIN)/likewise demo $(if $(PHOTOS),--photos "$(call home,$(PHOTOS))") $(if $(QUERY),--query "$(call home,$(QUERY))")

test: $(DEV) ## the whole default test run
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n auto --dist worksteal $(ARGS)

test-browser: $(BROWSER) ## the page in Chromium, which it installs where it may
	$(BIN)/python -m pytest -m browser tests/browser $(ARGS)

bench: $(PEERS) ## speed beside named peers and the machine's limits, and what has got slower
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.peers run $(ARGS)
	$(BIN)/python -m benchmarks.peers table
	$(BIN)/python -m benchmarks.peers slower

lint: $(LINT) ## rules, format, the direction of imports between the rooms; Dockerfile and workflows
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/hadolint Dockerfile
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/zizmor --offline --persona pedantic --quiet .github/workflows

types: $(DEV) ## mypy --strict over package, tests and benchmarks, and as Windows would see the first two
	$(BIN)/mypy --strict
	$(BIN)/mypy --strict --platform win32 --cache-dir .mypy_cache/win32 src tests

wheel: $(DEV) ## build the wheel, install it into a clean environment and use it there
	PYTHON=$(BIN)/python .ci/wheel

ci: ## everything above that can fail, as the continuous integration runs it
	bash .ci/run

clean: ## remove the environment, what tools cached and what was built
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
