# make demo | report | test | check | bench: each installs what it needs into .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
DEMO := runs/demo
REPORT := runs/report

.PHONY: demo report test lint check bench clean

$(INSTALLED): setup.py constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt torch
	$(BIN)/pip install --quiet --constraint constraints.txt \
		--editable ".[dask,demo,dev,fast,figures,tensorboard,test,volumes]"
	touch $@

demo: $(INSTALLED)
	rm -rf $(DEMO)
	images="$$($(BIN)/python -c 'import mahotas.demos as d; print(d.__path__[0])')/data" && \
	$(BIN)/python tools/predict.py --input "$$images/nuclear.png" --output $(DEMO)/at_once --overlay && \
	$(BIN)/python tools/train.py --cfg configs/demo.yaml --out $(DEMO)/adapted DATASET.ROOT "$$images" && \
	$(BIN)/python tools/predict.py --run $(DEMO)/adapted --input "$$images/nuclear.png" --output $(DEMO)/adapted --overlay
	@echo
	@echo "at once, to look at:              $(DEMO)/at_once/nuclear_overlay.png"
	@echo "after the training, to look at:   $(DEMO)/adapted/nuclear_overlay.png"
	@echo "config, weights, events, labels:  $(DEMO)/adapted"

# goes on where it stopped; rm -r runs/report begins anew
report: $(INSTALLED)
	test -d $(REPORT)/data/labels || $(BIN)/python tools/sample.py --cfg configs/report/adgan.yaml --from image \
		--out $(REPORT)/data --count 16 --size 192 256
	$(BIN)/python tools/compare.py --cfg configs/report/adgan.yaml configs/report/cyclegan.yaml \
		configs/report/udct.yaml --runs $(REPORT) --data $(REPORT)/data --out $(REPORT) \
		MONITOR.PICTURES $(REPORT)/data/images MONITOR.TRUTH $(REPORT)/data/labels MONITOR.VALIDATE 50
	@echo
	@echo "open in a browser:        $(REPORT)/report.html"

# one process per core, with one thread each
test: $(INSTALLED)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4

lint: $(INSTALLED)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy nucleizoo
	$(BIN)/mypy registry

check: lint test

# a quarter of an hour; writes its table to docs/performance.md
bench: $(INSTALLED)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[oracle]"
	$(BIN)/python -m pytest -o addopts= tests/benchmarks --benchmark-only --benchmark-columns=min,median,rounds \
		--benchmark-json=$(VENV)/bench.json
	$(BIN)/python tests/benchmarks/table.py $(VENV)/bench.json docs/performance.md

clean:
	rm -rf $(VENV) build *.egg-info
