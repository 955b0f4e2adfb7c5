# The targets of instructors and developers; the Makefile includes them where they are.

JOBS ?= 2
# Outputs are compared on Python 3.11 alone: the lock gives other versions another numpy, whose last digits differ.
REPLAYED = $(if $(wildcard $(VENV)/lib/python3.11),$(wildcard solutions/*/*.ipynb))
TESTS ?= tests lib autograder $(REPLAYED)
COMPILE := uv pip compile --universal --generate-hashes --no-header --no-emit-index-url --python-version 3.11

.PHONY: demo build release test soak lint audit bench lock assets image secrets

demo: $(READY)  ## grade a sample class of module 01 into out/demo
	@walls=; autograder walls || { walls=--no-sandbox; echo "This class is ours: grading it without walls."; }; \
	autograder grade assets/sample_class --out out/demo --marks assets/sample_class/marks.csv $$walls

build: $(READY)  ## write both notebooks of every module from its source
	@autograder build

release: $(READY)  ## write what students get to out/release
	@autograder release --out out/release

test: $(READY)  ## run all tests and replay the solution notebooks (TESTS=path JOBS=1 for less)
	@pytest -n $(JOBS) --dist loadfile --durations 20 --nbval $(addprefix --nbval-sanitize-with=,$(wildcard assets/nbval.cfg)) $(TESTS)

soak: $(READY)  ## grade hundreds of submissions in a row, and attack every module: hours of use in minutes
	@pytest tests/soak/soak_*.py -s

lint: $(READY)  ## check style, types, import rules and that the notebooks match their sources
	ruff check
	ruff format --check
	mypy
	lint-imports
	autograder build --check

audit: $(READY)  ## prove how good the grading is, into out/audit.json (AUDIT_OPTIONS="--sample 5" is quicker)
	@autograder audit --json out/audit.json --workers $(JOBS) $(AUDIT_OPTIONS)

bench: $(READY)  ## measure speed beside the usual tools, into out/bench.json
	@python -m tests.bench

lock: $(READY)  ## pin every package again, by hash, after pyproject.toml changed
	$(COMPILE) pyproject.toml --output-file requirements.lock
	$(COMPILE) pyproject.toml --extra dev --constraint requirements.lock --output-file requirements-dev.lock
	$(COMPILE) --group pyproject.toml:serving --constraint requirements-dev.lock --output-file requirements-serving.lock

assets: $(READY)  ## draw the overview picture, write the sample class and the Kubernetes manifests
	@python assets/draw_overview.py
	@python assets/make_sample_class.py
	@python assets/write_kubernetes.py

image:  ## build the server's container image with podman or docker (BASE=image IMAGE=mlops-server)
	@BASE="$(BASE)" IMAGE="$(IMAGE)" .ci/image

secrets:  ## draw the passwords of the compose file into out/container, once
	@.ci/secrets
