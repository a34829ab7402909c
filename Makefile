# One command each; `make` alone lists them. Needs Python 3.11 or newer and nothing else.
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := $(CURDIR)/.venv/bin
INSTALLED := .venv/installed
export PATH := $(BIN):$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help run demo test lint bench build clean

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /make \1\t/p' Makefile

run: $(INSTALLED) ## start the product and the gateway simulator, with demo data; Ctrl-C stops both
	@$(BIN)/python -m pecapp.launch

demo: $(INSTALLED) ## as run, with services about to renew or expire, and a clock to move day by day (/dev/orologio)
	@$(BIN)/python -m pecapp.launch demo

test: $(INSTALLED) ## everything: lint, then all tests, end to end in Chromium included
	@$(BIN)/ruff check
	@$(BIN)/pyright
	@$(BIN)/python -m tests.support.browser
	@$(BIN)/pytest --numprocesses auto --dist worksteal

lint: $(INSTALLED) ## style, types and the rules of the house
	@$(BIN)/ruff check
	@$(BIN)/pyright
	@$(BIN)/pytest -q tests/arch

bench: $(INSTALLED) ## speed, side by side with the bare limit
	@$(BIN)/python -m bench

build: $(INSTALLED) ## the production pages, if their sources changed
	@$(BIN)/python -c 'from pecapp import frontend; frontend.build()'

clean: ## remove what was installed, built and stored
	rm -rf .venv .web .data .states test-results

$(INSTALLED): requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; say which: make PYTHON=python3.11 ..."; exit 1; }
	@echo "Installing into .venv (once) ..."
	@$(PYTHON) -m venv .venv || { echo "Python's venv module is needed (Debian, Ubuntu: apt install python3-venv)"; exit 1; }
	@$(BIN)/python -m pip install --quiet --requirement requirements.txt
	@touch $(INSTALLED)
