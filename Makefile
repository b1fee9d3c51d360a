# Fitscape. The first `make demo` or `make test` makes .venv and installs the pinned packages.
PYTHON ?= python3.11
VENV ?= .venv
BIN = $(VENV)/bin
INSTALLED = $(VENV)/.installed
READY = $(VENV)/.ready

export MLFLOW_DISABLE_TELEMETRY = true
export RAY_USAGE_STATS_ENABLED = 0

# One worker takes all cards: a second one would book them again. It gets every core and most of the memory.
WORKERS ?= $(if $(GPU),1,2)
ifneq ($(GPU),)
ifneq ($(WORKERS),1)
$(error GPU=1 goes with WORKERS=1: each worker would book every card of this machine)
endif
export WORKER_CPUS ?= $(shell nproc)
export WORKER_MEMORY ?= $(shell awk '/MemTotal/ {print int($$2 * 0.8) "k"}' /proc/meminfo)
export WORKER_SHM ?= 8g
endif
DEFAULT = not slow and not gpu and not compose
RECIPE ?= quickstart
OPTIONS ?=
COMPOSE = docker compose -f docker-compose.yml $(if $(GPU),-f cluster/compose.gpu.yml)

.PHONY: demo test test-ci test-slow test-all check format numbers docs outputs crashpoints mutants bench statistics lock secrets up down submit clean

# What a study needs is enough for the demo. The tools of the tests and checks come in when one of them is asked for.
$(INSTALLED): pyproject.toml requirements.lock
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements.lock -e .
	touch $@

$(READY): $(INSTALLED)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements.lock -e '.[dev]'
	touch $@

demo: $(INSTALLED)  ## run the quickstart and print where its report is
	@root=$${FITSCAPE_ROOT:-fitscape-runs}; \
	if [ -s "$$root/quickstart/ledger.db" ] || [ -s "$$root/quickstart/ledger.backup.db" ]; then $(BIN)/fitscape resume quickstart; else $(BIN)/fitscape run quickstart; fi

test: $(READY)  ## the default tests: two files at a time, then one by one those that start Ray, a server or a driver
	@failed=0; \
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile -m '$(DEFAULT) and not alone' || failed=1; \
	$(BIN)/python -m pytest -m '$(DEFAULT) and alone' || failed=1; \
	exit $$failed

test-ci: $(READY)  ## tests that CI runs beside the default ones
	$(BIN)/python -m pytest -m ci

test-slow: $(READY)  ## the tests that take longer
	$(BIN)/python -m pytest -m slow

test-all: $(READY)  ## every test that this machine can run; lists what it left out, and why
	$(BIN)/python tools/test_all.py

check: $(READY)  ## format, lint, types, direction of imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

numbers: $(READY)  ## published figures against the committed data that they come from
	$(BIN)/python tools/published_numbers.py

docs: $(READY)  ## the site of docs/, into site/index.html
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

outputs: $(READY)  ## run docs/how-to/look-at-a-study.md and docs/notebook.ipynb, and write down what they show
	$(BIN)/python tests/support/outputs.py
	$(BIN)/python tests/support/notebook.py

crashpoints: $(READY)  ## end a driver, or give it an error, at each of its steps in turn: an hour on two quiet cores
	$(BIN)/python -m benchmarks.drills.crash_points

mutants: $(READY)  ## change one place of the code at a time, and see whether a test fails; sampled, goes on where it was
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements.lock -e '.[mutants]'
	$(BIN)/python tools/mutants.py

bench: $(READY)  ## against plain scripts, 50 minutes on two quiet cores; dated files and plots in benchmarks/results
	$(BIN)/python -m benchmarks.trial_speed --rounds 5
	$(BIN)/python -m benchmarks.study_speed --rounds 3
	$(BIN)/python -m benchmarks.driver_scale --plain 20
	$(BIN)/python -m benchmarks.worker_memory
	$(BIN)/python -m benchmarks.map_speed
	$(BIN)/python -m benchmarks.map_real

statistics: $(READY)  ## how often labels, intervals and findings are right, on planted truths; resumable, hours
	$(BIN)/python -m benchmarks.statistics

lock: $(READY)  ## pin what is installed now
	$(BIN)/python tools/lock.py

secrets:  ## write the stack's secrets to .env and .secrets, mode 600; what is there stays
	sh cluster/make_secrets.sh

up: secrets  ## MLflow, PostgreSQL, S3 and Ray on this machine; WORKERS=2, or GPU=1: one worker with all cards
	$(COMPOSE) up --detach --build --wait --wait-timeout 900 --scale worker=$(WORKERS)

down:  ## stop the stack; studies, runs and artifacts stay in its volumes
	$(COMPOSE) down --remove-orphans

submit:  ## run a recipe on the stack; RECIPE=quickstart OPTIONS='--scale hours --trials 96'
	$(COMPOSE) exec -T head fitscape submit $(RECIPE) --address http://127.0.0.1:8265 $(OPTIONS)

clean:
	rm -rf $(VENV) build dist *.egg-info
