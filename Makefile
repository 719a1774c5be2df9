# Every command that people and CI use. Each does its own set-up; `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup setup-python setup-launch setup-browser images demo live faults alerts fuzz bench bench-state load upgrade-test test test-unit templates-check template-build template-run check pages format lock clean

PYTHON_BIN := .venv/bin/python
PACKAGES := payments pipeline operations transforms simulator sandbox console harness benchmarks

# Settings of `make demo`.
DURATION_SEC ?= 60
RATE ?= 500
RUNNER ?= flink
KEEP ?= 0
SEED ?= 1
KILL ?= taskmanager-1
SCENARIO ?=
# Settings of `make live`, besides SEED, and RATE, which is 20 there unless it is given. Port 0 is one that is free.
PORT ?= 0
CONTROL ?= 0
# Settings of `make faults` and `make upgrade-test`, besides SEED; SHORT=1 has less load around each fault.
ROUNDS ?= 1
SEEDS ?= 1
MIXED ?= 0
# Percent of the faults, and a text that says which.
SHARE ?= 100
PICK ?=
ONLY ?=
# Inputs of `make fuzz`, besides SEED.
COUNT ?= 1000000
SHORT ?= 0
# Records of `make bench`, besides ONLY and SEED.
RECORDS ?= 1000000
# Remembered ids of `make bench-state`.
IDS ?= 10000000
# Of `make load`, which has another RATE and DURATION_SEC than the demo unless they are given. Several: 1,5,10.
CHECKPOINT_SEC ?= 5
# What needs no sandbox runs on two cores, a file on one.
BY_FILE = -n 2 --dist loadfile
without = $(if $(WITHOUT), and not $(WITHOUT))
given = $(if $(filter file,$(origin $1)),$2,$($1))

help: ## what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

setup: ## makes a fresh machine ready: Python packages, Java, the pinned jars
	@PYTHON=$(PYTHON) bin/setup

setup-python: ## as much of it as unit tests and DirectRunner need: no Java
	@PYTHON=$(PYTHON) bin/setup python

setup-launch: setup
	@PYTHON=$(PYTHON) bin/setup launch

setup-browser: setup ## what browser tests need as well: Debian's chromium, as root, and Mermaid
	@PYTHON=$(PYTHON) bin/setup browser

demo: setup ## the main job, with a crash halfway (DURATION_SEC RATE RUNNER=flink|direct KEEP=1 SEED KILL SCENARIO CONTRACT)
	@$(PYTHON_BIN) -m harness.demo --duration_sec=$(DURATION_SEC) --rate=$(RATE) --runner=$(RUNNER) \
		--seed=$(SEED) --kill=$(KILL) $(if $(SCENARIO),--scenario=$(SCENARIO)) $(if $(CONTRACT),--contract=$(CONTRACT)) \
		$(if $(filter 1,$(KEEP)),--keep)

live: setup ## a sandbox, a job, traffic, and a page that shows and does it all; Ctrl-C ends it (RATE PORT CONTROL=1 SEED CONTRACT)
	@$(PYTHON_BIN) -m harness.live --rate=$(call given,RATE,20) --port=$(PORT) --seed=$(SEED) $(if $(filter 1,$(CONTROL)),--control) \
		$(if $(CONTRACT),--contract=$(CONTRACT))

faults: setup ## the crash suite: every fault once, in later ROUNDS mixed, and the controls (SEED SEEDS ROUNDS ONLY MIXED=1 SHORT=1 SHARE PICK CONTRACT)
	@PYTHON=$(PYTHON) bin/setup registry
	@$(PYTHON_BIN) -m harness.faults --seed=$(SEED) --seeds=$(SEEDS) --rounds=$(ROUNDS) \
		$(if $(ONLY),--only=$(ONLY)) $(if $(filter 1,$(MIXED)),--mixed) $(if $(filter 1,$(SHORT)),--short) \
		--share=$(SHARE) --pick="$(PICK)" $(if $(CONTRACT),--contract=$(CONTRACT))

alerts: setup ## provokes alerts by real faults: do they arrive, and go? about 25 minutes (ONLY=ALERT,…)
	@PYTHON=$(PYTHON) bin/setup monitoring
	@$(PYTHON_BIN) -m harness.alerts $(if $(ONLY),--only=$(ONLY))

fuzz: setup ## a million spoiled payloads against the decoder, a million against contracts and theirs (SEED COUNT)
	@$(PYTHON_BIN) -m tests.fuzz --seed=$(SEED) --count=$(COUNT)

bench: setup ## how fast, against what: one topic, each contestant to its end (RECORDS ONLY SEED)
	@PYTHON=$(PYTHON) bin/setup registry
	@$(PYTHON_BIN) -m benchmarks --records=$(RECORDS) --seed=$(SEED) $(if $(ONLY),--only="$(ONLY)")

bench-state: setup ## what remembering costs: bytes per id, a flat line, speed with many ids, memory of a worker (IDS ONLY SEED)
	@$(PYTHON_BIN) -m benchmarks.state --ids=$(IDS) --seed=$(SEED) $(if $(ONLY),--only=$(ONLY))

load: setup ## the load test: does the pipeline keep up, how fresh are rows (RATE DURATION_SEC CHECKPOINT_SEC SEED)
	@$(PYTHON_BIN) -m benchmarks.load --rate_per_sec=$(call given,RATE,10000) --seed=$(SEED) \
		--duration_sec=$(call given,DURATION_SEC,120) --checkpoint_sec=$(CHECKPOINT_SEC)

upgrade-test: setup ## a planned stop under load: a changed version, renamed state, another parallelism (SEED ONLY)
	@$(PYTHON_BIN) -m harness.upgrade --seed=$(SEED) $(if $(ONLY),--only="$(ONLY)")

test: check setup-launch ## everything that CI runs: checks, unit tests, transforms, and the whole on the sandbox (WITHOUT=a marker)
	@failed=0; \
	$(PYTHON_BIN) -m pytest $(BY_FILE) -m "not integration$(without)" || failed=1; \
	$(PYTHON_BIN) -m pytest -m "integration$(without)" || failed=1; \
	exit $$failed

test-unit: setup-python ## only what needs no sandbox, and no Java
	@$(PYTHON_BIN) -m pytest $(BY_FILE) -m "not integration" tests/unit tests/transforms tests/laws tests/drift tests/docs

templates-check: setup-launch ## Dockerfiles and Terraform linted, metadata.json compared, the submitted job checked
	@$(PYTHON_BIN) -m pytest tests/launch tests/drift/test_flex_template.py

images: setup ## builds every image that ships and runs the job from them, as root on Debian (ONLY=build|job)
	@PYTHON=$(PYTHON) bin/setup images
	@$(PYTHON_BIN) -m harness.images $(if $(ONLY),--only=$(ONLY))

template-build: ## builds image and description of the Flex Template on Google Cloud (PROJECT REGION TAG)
	@templates/dataflow/build.sh

template-run: ## starts or updates the job from it (PROJECT REGION TAG, and the flags in PARAMETERS)
	@templates/dataflow/run.sh

check: setup ## lint, types, imports, prose, shell: under two minutes
	@$(PYTHON_BIN) -m ruff check $(PACKAGES) templates tests setup.py
	@$(PYTHON_BIN) -m ruff format --check $(PACKAGES) templates tests setup.py
	@$(PYTHON_BIN) -m mypy $(PACKAGES) templates/flink
	@.venv/bin/lint-imports --no-cache
	@$(PYTHON_BIN) -m pytest -q -o addopts= tests/drift/test_prose.py
	@$(PYTHON_BIN) -W ignore -m harness.pages --check
	@for script in bin/setup .ci/run templates/*/*.sh; do bash -n $$script || exit 1; done

pages: setup ## writes the generated parts of Markdown: excerpts, tables, the graph of steps
	@$(PYTHON_BIN) -W ignore -m harness.pages

format: setup ## formats the code
	@$(PYTHON_BIN) -m ruff format $(PACKAGES) templates tests setup.py
	@$(PYTHON_BIN) -m ruff check --fix $(PACKAGES) templates tests setup.py

lock: setup ## resolves the requirements and the jars anew, and writes their locks
	@for name in pipeline dev bigquery templates simulator; do \
		.venv/bin/uv pip compile --quiet --generate-hashes --no-annotate --python-version 3.11 \
			--custom-compile-command "make lock" requirements/$$name.in -o requirements/$$name.lock; done
	@rm -f .tools/done.jars-*
	@RELOCK=1 bin/setup

clean: ## removes what set-up and runs have made, except what is committed
	rm -rf .venv .venv-bigquery .venv-templates .tools .sandbox .pytest_cache .mypy_cache .ruff_cache .hypothesis
