# The targets of instructors and developers; the Makefile includes them where they are.

JOBS ?= 2
# Outputs are compared on Python 3.11 alone: the lock gives other versions another numpy, whose last digits differ.
REPLAYED = $(if $(wildcard $(VENV)/lib/python3.11),$(wildcard solutions/*/*.ipynb))
TESTS ?= tests lib autograder $(REPLAYED)
TRIED = $(if $(IMAGE),--image "$(IMAGE)") $(if $(ARCHIVE),--archive "$(ARCHIVE)")
COMPILE := uv pip compile --universal --generate-hashes --no-header --no-emit-index-url --python-version 3.11

.PHONY: demo class build release test soak lint score audit bench drift-table lock assets image staging production secrets

##@ Teach
demo: $(READY)  ## grade a sample class of eight into out/demo (MODULE=01_tracking)
	@walls=; autograder walls || { walls=--no-sandbox; echo "This class is ours: grading it without walls."; }; \
	autograder grade assets/sample_class --out out/demo --module $(MODULE) --marks assets/sample_class/marks.csv $$walls

class: $(READY)  ## make up a class of all modules and grade it into out/class; goes on where it was (STUDENTS=30 CLASS_OPTIONS="--core")
	@python assets/make_class.py --students $(or $(STUDENTS),30)
	@walls=; autograder walls || { walls=--no-sandbox; echo "This class is ours: grading it without walls."; }; \
	autograder grade out/class/submissions --out out/class --cohort out/class/cohort.toml --marks out/class/marks.csv --open $$walls $(CLASS_OPTIONS)

build: $(READY)  ## write both notebooks of every module from its source
	@autograder build

release: $(READY)  ## write what students get to out/release
	@autograder release --out out/release

##@ Build on it
test: $(READY)  ## run all tests and replay the solution notebooks (TESTS=path JOBS=1 for less)
	@pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder --durations 20 --nbval $(addprefix --nbval-sanitize-with=,$(wildcard assets/nbval.cfg)) $(TESTS)

soak: $(READY)  ## grade hundreds of submissions in a row, and attack every module: hours of use in minutes
	@pytest tests/soak/soak_*.py -s

lint: $(READY)  ## check style, types, import rules, licences, and that the notebooks match their sources
	ruff check
	ruff format --check
	mypy
	lint-imports
	autograder build --check
	python -m lib policy check

score: $(READY)  ## print the ML Test Score of this repository, and what proves each of its 28 items
	@python -m tests.ml_test_score

audit: $(READY)  ## prove how good the grading is, into out/audit.json (AUDIT_OPTIONS="--sample 5" is quicker)
	@autograder audit --json out/audit.json --workers $(JOBS) $(AUDIT_OPTIONS)

bench: $(READY)  ## measure speed beside the usual tools, into out/bench.json
	@python -m tests.bench

drift-table: $(READY)  ## score the drift detectors on 200 seeded markets, into assets/drift_table.json; goes on where it was
	@OMP_NUM_THREADS=1 nice python -m lib drift-table

lock: $(READY)  ## pin every package again, by hash, after pyproject.toml changed
	$(COMPILE) pyproject.toml --output-file requirements.lock
	$(COMPILE) pyproject.toml --extra dev --constraint requirements.lock --output-file requirements-dev.lock
	$(COMPILE) --group pyproject.toml:serving --constraint requirements-dev.lock --output-file requirements-serving.lock

assets: $(READY)  ## draw the overview picture, write the sample class, the common mistakes, the manifests, the alert rules and the boards
	@python assets/draw_overview.py
	@python assets/make_sample_class.py
	@python assets/write_common_mistakes.py
	@python assets/write_kubernetes.py
	@python assets/write_monitoring.py

##@ Ship the server
image:  ## build the server's container image with podman or docker (BASE=image IMAGE=mlops-server ARCHIVE=file)
	@BASE="$(BASE)" IMAGE="$(IMAGE)" ARCHIVE="$(ARCHIVE)" .ci/image

staging: $(READY)  ## try the image over HTTP with the newest candidate of make pipeline (IMAGE=mlops-server ARCHIVE=file)
	@python -m lib try staging $(TRIED)

production: $(READY)  ## the same with the champion of production's registry (MLOPS_TRACKING_URI= and MLOPS_LEDGER_URI=)
	@python -m lib try production $(TRIED)

secrets:  ## draw the passwords of the compose file into out/container, once
	@.ci/secrets
