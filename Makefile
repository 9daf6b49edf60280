# Every target sets up what it needs; the second run of any of them needs no network.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
INSTALL := $(PIP) install --require-hashes --no-deps --progress-bar on -r
LOCK := uv pip compile -q --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header --override requirements/overrides.txt
# One machine with all roles, and what installs them.
ALL := pyproject.toml requirements/build.in --extra detector

# What the tests need: the servers' clients too.
DEV := --extra dev --extra kafka --extra postgres --extra s3 --extra push --extra alerts

.PHONY: help setup demo yolo up test coverage check format lint types imports test-real test-realtime test-browser test-servers soak kafka-up kafka-down postgres-up postgres-down schemas lock lock-roles bench scenes stays accuracy down clean

help: ## Show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "RemindFirst needs Python 3.11 or newer; say which one: make PYTHON=python3.11 ...")'
	@echo "Making a virtual environment in $(VENV) ..."
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "Python's venv module is missing; on Debian: apt-get install python3-venv"; exit 1; }

$(VENV)/runtime.stamp: requirements/runtime.txt pyproject.toml | $(BIN)/python
	@echo "Installing what the demo needs (once, a minute or two) ..."
	@$(INSTALL) requirements/runtime.txt
	@$(PIP) install -q --no-deps --no-build-isolation --no-index -e .
	@touch $@

$(VENV)/dev.stamp: requirements/dev.txt $(VENV)/runtime.stamp
	@echo "Installing what the tests need (once) ..."
	@$(INSTALL) requirements/dev.txt
	@touch $@

$(VENV)/yolo.stamp: requirements/yolo.txt $(VENV)/dev.stamp
	@echo "Installing the extra yolo (once, about 6 GB) ..."
	@$(INSTALL) requirements/yolo.txt
	@touch $@

setup: $(VENV)/dev.stamp ## Install everything for development, without the extra yolo

demo: $(VENV)/runtime.stamp ## Four simulated cameras, the whole story, in your browser
	@$(BIN)/remindfirst demo

yolo: $(VENV)/yolo.stamp ## Install the extra yolo, for any Ultralytics weights (about 6 GB)

up: $(VENV)/runtime.stamp ## All roles on this machine: make up CONFIG=site.yaml
	@test -n "$(CONFIG)" || { echo "Say which configuration: make up CONFIG=site.yaml"; exit 2; }
	@$(BIN)/remindfirst up --config $(CONFIG)

test: $(VENV)/dev.stamp ## All tests that need no browser; those for servers if they are up
	@$(BIN)/python -m pytest -n auto -rs -m "not browser and not yolo and not realtime"

test-servers: kafka-up postgres-up ## The tests against Kafka and PostgreSQL
	@$(BIN)/python -m pytest -m "kafka or postgres" --require-servers

kafka-up: $(VENV)/dev.stamp ## Start Kafka on this machine, without Docker (Java 17, Maven once)
	@$(BIN)/python -m tests.servers.kafka up

kafka-down: $(VENV)/dev.stamp ## Stop it; its data stay
	@$(BIN)/python -m tests.servers.kafka down

postgres-up: $(VENV)/dev.stamp ## Start PostgreSQL on this machine, without Docker
	@$(BIN)/python -m tests.servers.postgres up

postgres-down: $(VENV)/dev.stamp ## Stop it; its data stay
	@$(BIN)/python -m tests.servers.postgres down

# How long faults happen in each form; a seed makes the same street and the same faults again.
MINUTES ?= 30
soak: $(VENV)/dev.stamp ## A street under all faults in both forms: make soak MINUTES=30 [SEED=n]
	@$(BIN)/python -m tests.faults.soak --minutes $(MINUTES) $(if $(SEED),--seed $(SEED))

test-real: $(VENV)/yolo.stamp ## The tests on real clips and with the extra yolo
	@$(BIN)/python -m pytest -m "real or yolo"

test-realtime: $(VENV)/dev.stamp ## The demo by the wall clock, with sudden deaths (minutes)
	@$(BIN)/python -m pytest -m realtime

test-browser: $(VENV)/dev.stamp ## The tests in Chromium, which must be installed
	@$(BIN)/python -m pytest -m browser

# Clips with a truth file beside each, and the network that looks at them.
CLIPS ?= ../shared/real/video
WEIGHTS ?= ../shared/real/weights/yolo26n.pt

bench: $(VENV)/yolo.stamp ## What our loop costs beside the one people write today (minutes)
	@$(BIN)/python -m benchmarks.detector --weights $(WEIGHTS) $(CLIPS)/*.truth.json
	@$(BIN)/python -m benchmarks.dwell_to_channel

scenes: $(VENV)/yolo.stamp ## Watch drawn scenes and an hour of drawn traffic (about an hour)
	@$(BIN)/python -m benchmarks.scenes --weights $(WEIGHTS) --json var/scenes.json

stays: $(VENV)/dev.stamp ## Watch stays and hours of traffic on simulated boxes (about an hour)
	@$(BIN)/python -m benchmarks.stays --hours 10 --seeds 20 --json var/stays.json

accuracy: $(VENV)/yolo.stamp ## Score the real clips and write docs/accuracy.md, after scenes and stays
	@$(BIN)/python -m benchmarks.accuracy --weights $(WEIGHTS) $(CLIPS)/*.truth.json

coverage: $(VENV)/dev.stamp ## Every branch of policy, case and reminder is tested
	@$(BIN)/python -m coverage run --branch --source=pipeline -m pytest tests/pipeline/policy tests/pipeline/test_case.py tests/pipeline/test_journey.py
	@$(BIN)/python -m coverage report --fail-under=100 --include='pipeline/policy/*,pipeline/case.py,pipeline/reminder.py'

check: lint types imports coverage ## Linters, types, import rules, coverage of the core

lint: $(VENV)/dev.stamp
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/codespell
	@mkdir -p build && $(BIN)/python -c "$$TEMPLATE_NAMES" > build/template_names.py
	@$(BIN)/vulture detector models pipeline review_ui benchmarks remindfirst.py build/template_names.py

# What templates and the table of clocks read counts as used: their words, as a module of names
# for vulture.
define TEMPLATE_NAMES
import keyword, pathlib, re
files = [pathlib.Path("pipeline/policy/rulebook/clocks.yaml"), *pathlib.Path("review_ui/templates").rglob("*.html")]
words = {word for file in files for word in re.findall(r"[a-z_][a-z_0-9]+", file.read_text())}
print("\n".join(sorted(word for word in words if not keyword.iskeyword(word))))
endef
export TEMPLATE_NAMES

types: $(VENV)/dev.stamp
	@$(BIN)/mypy

imports: $(VENV)/dev.stamp
	@$(BIN)/lint-imports

format: $(VENV)/dev.stamp ## Format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

schemas: $(VENV)/dev.stamp ## Write the schema of the messages on the bus
	@$(BIN)/python -c 'import json; from pipeline.events import Envelope; print(json.dumps(Envelope.model_json_schema(), indent=2, ensure_ascii=False))' > pipeline/events/schemas/envelope.v1.json

lock: ## Pin the dependencies anew (needs uv and the network)
	@$(LOCK) $(ALL) -o requirements/runtime.txt
	@$(LOCK) $(ALL) $(DEV) -c requirements/runtime.txt -o requirements/dev.txt
	@$(LOCK) $(ALL) $(DEV) --extra yolo -c requirements/dev.txt -o requirements/yolo.txt
	@$(MAKE) --no-print-directory lock-roles

# An image for each role holds the versions that the tests ran with, and no more than its role needs.
lock-roles:
	@$(LOCK) requirements/build.in -c requirements/dev.txt -o requirements/build.txt
	@$(LOCK) pyproject.toml --extra kafka --extra postgres --extra push --extra alerts -c requirements/dev.txt -o requirements/worker.txt
	@$(LOCK) pyproject.toml --extra postgres --extra s3 -c requirements/dev.txt -o requirements/web.txt
	@$(LOCK) pyproject.toml --extra detector --extra kafka --extra s3 -c requirements/dev.txt -o requirements/detector.txt

down: ## Forget the demonstration's data
	rm -rf var/demo

clean: down ## Forget the virtual environment too
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
