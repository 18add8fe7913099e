# make demo | test | check | bench: each installs what it needs into .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
DEMO := runs/demo

.PHONY: demo test lint check bench clean

$(INSTALLED): setup.py constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt torch
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[demo,dev,fast,tensorboard,test,volumes]"
	touch $@

demo: $(INSTALLED)
	rm -rf $(DEMO)
	images="$$($(BIN)/python -c 'import mahotas.demos as d; print(d.__path__[0])')/data" && \
	$(BIN)/python tools/train.py --cfg configs/demo.yaml --out $(DEMO) DATASET.ROOT "$$images" && \
	$(BIN)/python tools/predict.py --run $(DEMO) --input "$$images/nuclear.png" --output $(DEMO) --overlay
	@echo
	@echo "config, weights, events:  $(DEMO)"
	@echo "labels:                   $(DEMO)/nuclear_label.tif"
	@echo "outlines, to look at:     $(DEMO)/nuclear_overlay.png"

test: $(INSTALLED)
	$(BIN)/python -m pytest

lint: $(INSTALLED)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy nucleizoo
	$(BIN)/mypy registry

check: lint test

bench: $(INSTALLED)
	$(BIN)/python -m pytest -o addopts= tests/benchmarks --benchmark-only --benchmark-columns=min,median,rounds

clean:
	rm -rf $(VENV) build *.egg-info
