# The one vocabulary of the course: `make help` lists it; continuous integration and the README call only these targets.
# Written for GNU make 3.81 (macOS) and later.

VENV ?= .venv
MODULE ?= 01_tracking

SHELL := /bin/bash
READY := $(VENV)/.ready$(if $(PYTHON),-$(notdir $(PYTHON)))
BIN := $(if $(filter /%,$(VENV)),$(VENV),$(CURDIR)/$(VENV))/bin
LOCKS := $(wildcard requirements.lock requirements-dev.lock)

# Programs that are started by name (dvc, alembic, git hooks) come from the environment; nothing reports usage anywhere.
export PATH := $(BIN):$(PATH)
export DO_NOT_TRACK := true
export DVC_NO_ANALYTICS := 1
# Without compiled files each start of Python would compile the course again.
unexport PYTHONPATH PYTHONHOME PYTHONDONTWRITEBYTECODE

# Says so, and stops, when a program already listens on the chosen port.
need_free_port = [ -z "$(1)" ] || ! (exec 3<>/dev/tcp/127.0.0.1/$(1)) 2>/dev/null || { \
	echo "Port $(1) of this machine is taken by another program: stop that one, or choose another port with PORT=."; exit 1; }

.DEFAULT_GOAL := help
.PHONY: help setup lab submit mlflow serve autoscale pipeline ct deliver cluster monitor report cost clean

##@ Begin
help:  ## list what make can do
	@awk -F ':.*## ' '/^##@ / { print "\n" substr($$0, 5) } /^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY)  ## make .venv from the lock (PYTHON=python3.12 and VENV=folder choose others)
	@echo "$(VENV) is ready"

$(READY): $(LOCKS) pyproject.toml $(wildcard .ci/*)
	@PYTHON="$(PYTHON)" VENV="$(VENV)" .ci/setup

##@ Learn
lab: $(READY)  ## open the labs in JupyterLab, at the start page (PORT=8888)
	@$(call need_free_port,$(PORT))
	@OMP_NUM_THREADS=1 JUPYTER_CONFIG_PATH="$(CURDIR)/.jupyter" JUPYTERLAB_WORKSPACES_DIR="$(CURDIR)/out/jupyter" \
		jupyter lab --ServerApp.ip=127.0.0.1 --ServerApp.root_dir=labs --LabApp.default_url=/lab/tree/00_start_here.ipynb \
		$(if $(PORT),--ServerApp.port=$(PORT) --ServerApp.port_retries=0,--ServerApp.port_retries=50) \
		$(if $(filter 0,$(shell id -u)),--allow-root) $(LAB_OPTIONS)

submit: $(READY)  ## pack a lab for handing in, and hear what is missing (MODULE=03_serving STUDENT=id SUBMIT_OPTIONS="--run")
	@python -m autograder submit $(MODULE) --student "$(STUDENT)" $(SUBMIT_OPTIONS)

mlflow: $(READY)  ## show a lab's runs in MLflow's own pages (MODULE=01_tracking PORT=5000)
	@[ -f out/labs/$(MODULE)/mlflow.db ] || { \
		echo "out/labs/$(MODULE) has no runs yet: run the lab first (make lab), or name another with MODULE=."; exit 1; }
	@$(call need_free_port,$(or $(PORT),5000))
	@cd out/labs/$(MODULE) && MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false \
		mlflow ui --backend-store-uri sqlite:///mlflow.db --host 127.0.0.1 --port $(or $(PORT),5000) --workers 1

##@ Operate
serve: $(READY)  ## answer predictions with the registry's champion on this machine (PORT=8000 AUTH=1 SERVE_OPTIONS="--workers 2")
	@python -m lib serve --port $(or $(PORT),8000) $(if $(filter 1,$(AUTH)),--auth) $(SERVE_OPTIONS)

autoscale: $(READY)  ## real replicas follow a load that rises and falls (SECONDS=90 AUTOSCALE_OPTIONS="--peak 150")
	@python -m lib autoscale --seconds $(or $(SECONDS),90) $(AUTOSCALE_OPTIONS)

pipeline: $(READY)  ## from new sales to a registered candidate, running only what changed (PIPELINE_OPTIONS="--days 530")
	@python -m lib pipeline run --until register_candidate $(PIPELINE_OPTIONS)

ct: $(READY)  ## train continuously through a simulated quarter, into out/ct (CT_OPTIONS="--story late_labels")
	@python -m lib ct $(CT_OPTIONS)

deliver: $(READY)  ## a release, a bad one taken back and a revert, under clients, on this machine (DELIVER_OPTIONS="--proxy embedded")
	@python -m lib deliver $(DELIVER_OPTIONS)

cluster: $(READY)  ## staging and production for `make pipeline PIPELINE_OPTIONS="--until done"`, until Ctrl-C
	@python -m lib cluster run $(CLUSTER_OPTIONS)

monitor: $(READY)  ## a quarter before a real server: drift, alert, action, recovered, into out/monitor (MONITOR_OPTIONS="--story slide")
	@OMP_NUM_THREADS=1 python -m lib monitor $(MONITOR_OPTIONS)

report: $(READY)  ## Evidently's drift report, as a page and as numbers (REPORT_OPTIONS="--reference FILE --window FILE")
	@python -m lib report $(REPORT_OPTIONS)

cost: $(READY)  ## what some rounds of work cost on this machine, by phase and per 1,000 predictions (COST_OPTIONS="--budget 5")
	@python -m lib cost $(COST_OPTIONS)

##@ Clean up
clean:  ## remove out/, where all that commands make lies, and caches, after asking (YES=1 does not ask)
	@[ "$(YES)" = 1 ] || { \
		echo "out/ holds your runs, grades and servers' state, and the secret of the grading ($$(du -sh out 2>/dev/null | cut -f1))."; \
		read -r -p "Remove it and the caches? [y/N] " answer; [ "$$answer" = y ]; } || { echo "Nothing was removed."; exit 1; }
	rm -rf out .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .coverage
	find . -path './$(VENV)' -prune -o \( -name __pycache__ -o -name .ipynb_checkpoints \) -type d -prune -exec rm -rf {} +

# The targets of instructors and developers; students get the course without them.
-include .ci/course.mk
