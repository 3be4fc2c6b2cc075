# make demo    assess an invented registry and print what came out
# make test    all tests          make check   format, lint, types, layers
# make bench   speed and memory   make docs    regenerate docs/reference
# make clean   remove everything made here
#
# Needs Python >= 3.11 with venv, make and the package registry. Nothing is installed outside .venv.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEMO := demo-output
PATIENTS ?= 60

.DEFAULT_GOAL := help
.PHONY: help demo test check bench docs picture clean

help:
	@sed -n '1,/^$$/s/^# \{0,1\}//p' Makefile

# Installed once; again when the dependencies change.
$(STAMP): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { \
	  echo "No $(PYTHON) found. Install Python 3.11 or newer, or name one: make PYTHON=/path/to/python3.12"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "$(PYTHON) is $$($(PYTHON) -V 2>&1); mspike needs 3.11 or newer. Name one: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "$(PYTHON) cannot make virtual environments: its venv module is missing."; \
	  echo "On Debian or Ubuntu: apt-get install python3-venv"; exit 1; }
	@test -x $(BIN)/python || { echo "Creating $(VENV) ..."; $(PYTHON) -m venv $(VENV); }
	@echo "Installing mspike and its tools into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $(STAMP)

demo: $(STAMP)
	@rm -rf $(DEMO)
	@mkdir -p $(DEMO)
	$(BIN)/mspike demo-registry $(DEMO)/registry --patients $(PATIENTS)
	$(BIN)/mspike assess $(DEMO)/registry --out $(DEMO)/results
	@$(BIN)/python examples/demo.py $(DEMO)/registry $(DEMO)/results

test: $(STAMP)
	$(BIN)/python -m pytest -n auto --dist loadfile

check: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/test_layers.py

bench: $(STAMP)
	$(BIN)/python bench/run.py
	$(BIN)/python bench/study.py
	$(BIN)/python bench/spark.py

docs: $(STAMP)
	$(BIN)/python docs/generate.py

picture: $(STAMP)
	$(BIN)/python examples/picture.py docs/assets/timeline.svg

clean:
	rm -rf $(VENV) $(DEMO) bench-data build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find src tests docs examples bench -type d \( -name __pycache__ -o -name '*.egg-info' \) -prune -exec rm -rf {} +
