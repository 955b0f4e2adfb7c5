# The one vocabulary of the course: `make help` lists it; continuous integration and the README call only these targets.
# Written for GNU make 3.81 (macOS) and later.

VENV ?= .venv
MODULE ?= 01_tracking
JOBS ?= 2
TESTS ?= tests lib autograder $(wildcard solutions/*/*.ipynb)

SHELL := /bin/bash
READY := $(VENV)/.ready$(if $(PYTHON),-$(notdir $(PYTHON)))
BIN := $(if $(filter /%,$(VENV)),$(VENV),$(CURDIR)/$(VENV))/bin
LOCKS := $(wildcard requirements.lock requirements-dev.lock)
COMPILE := uv pip compile --universal --generate-hashes --no-header --no-emit-index-url --python-version 3.11

# Programs that are started by name (dvc, alembic, git hooks) come from the environment; nothing reports usage anywhere.
export PATH := $(BIN):$(PATH)
export DO_NOT_TRACK := true
export DVC_NO_ANALYTICS := 1
unexport PYTHONPATH PYTHONHOME

.DEFAULT_GOAL := help
.PHONY: help setup demo lab mlflow build release test lint bench clean lock assets

help:  ## list what make can do
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: $(READY)  ## make .venv from the lock (PYTHON=python3.12 and VENV=folder choose others)
	@echo "$(VENV) is ready"

$(READY): $(LOCKS) pyproject.toml $(wildcard .ci/*)
	@PYTHON="$(PYTHON)" VENV="$(VENV)" .ci/setup

demo: $(READY)  ## grade a sample class of module 01 into out/demo
	@autograder grade assets/sample_class --out out/demo --marks assets/sample_class/marks.csv

lab: $(READY)  ## open the labs in JupyterLab on this machine
	@jupyter lab --ServerApp.ip=127.0.0.1 --ServerApp.port_retries=50 --ServerApp.root_dir=labs \
		$(if $(filter 0,$(shell id -u)),--allow-root) $(LAB_OPTIONS)

mlflow: $(READY)  ## show a lab's runs in MLflow's own pages (MODULE=01_tracking PORT=5000)
	@[ -f out/labs/$(MODULE)/mlflow.db ] || { \
		echo "out/labs/$(MODULE) has no runs yet: run the lab first (make lab), or name another with MODULE=."; exit 1; }
	@cd out/labs/$(MODULE) && mlflow ui --backend-store-uri sqlite:///mlflow.db --host 127.0.0.1 --port $(or $(PORT),5000) --workers 1

build: $(READY)  ## write both notebooks of every module from its source
	@autograder build

release: $(READY)  ## write what students get to out/release
	@autograder release --out out/release

test: $(READY)  ## run all tests and replay the solution notebooks (TESTS=path JOBS=1 for less)
	@pytest -n $(JOBS) --dist loadfile --nbval $(addprefix --nbval-sanitize-with=,$(wildcard assets/nbval.cfg)) $(TESTS)

lint: $(READY)  ## check style, types, import rules and that the notebooks match their sources
	ruff check
	ruff format --check
	mypy
	lint-imports
	autograder build --check

bench: $(READY)  ## measure speed beside the usual tools, into out/bench.json
	@python -m tests.bench

clean:  ## remove what commands made: out/ and caches, but not the environment
	rm -rf out .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .coverage
	find . -path './$(VENV)' -prune -o \( -name __pycache__ -o -name .ipynb_checkpoints \) -type d -prune -exec rm -rf {} +

lock: $(READY)  ## pin every package again, by hash, after pyproject.toml changed
	$(COMPILE) pyproject.toml --output-file requirements.lock
	$(COMPILE) pyproject.toml --extra dev --constraint requirements.lock --output-file requirements-dev.lock

assets: $(READY)  ## draw the overview picture, as SVG and PNG
	@python assets/draw_overview.py
