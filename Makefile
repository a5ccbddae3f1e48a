# Two commands do it all on a fresh machine: make lab, make test.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: lab test lint types pytest bench bench-click bench-loda bench-maps bench-scatter first-look pictures screenshots clean

lab: $(VENV)/.lab-installed
	$(BIN)/python -m uai_notebook

test: lint types pytest

lint: $(VENV)/.test-installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.test-installed
	$(BIN)/mypy

pytest: $(VENV)/.test-installed
	$(BIN)/python -m pytest -q --cov --cov-report=term $(ARGS)

bench: $(VENV)/.test-installed
	$(BIN)/python tests/benchmarks/bench_round.py

bench-click: $(VENV)/.test-installed
	$(BIN)/python tests/benchmarks/bench_click.py

bench-loda: $(VENV)/.test-installed
	$(BIN)/python tests/benchmarks/bench_loda.py

bench-maps: $(VENV)/.test-installed
	$(BIN)/python tests/benchmarks/bench_maps.py

bench-scatter: $(VENV)/.test-installed
	$(BIN)/python tests/benchmarks/bench_scatter.py

first-look: $(VENV)/.test-installed
	$(BIN)/python -m uai_notebook.experiments first_look

pictures: $(VENV)/.test-installed
	$(BIN)/python docs/make_pictures.py

screenshots: $(VENV)/.test-installed
	$(BIN)/python docs/make_screenshots.py

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.lab-installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) -e ".[lab]"
	touch $@

$(VENV)/.test-installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) -e ".[lab,test]"
	touch $@

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .coverage
