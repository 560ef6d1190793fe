# make demo       the whole workflow on a synthetic hospital, offline
# make test       linters, unit tests, and the workflow end to end on a micro hospital
# make test-full  the same and the long tests
# Each sets up .venv/ by itself the first time. ARGS adds options: make demo ARGS="--config seed=7"

PYTHON ?= python3
VENV := .venv
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
# The lock is complete: a machine's own pip constraints could only contradict it.
export PIP_CONSTRAINT := /dev/null
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test test-full lint lock clean
.DEFAULT_GOAL := demo

demo: $(VENV)/ready
	@snakemake --quiet rules --profile profiles/demo $(ARGS)

test: $(VENV)/ready lint
	pytest -m "not full"

test-full: $(VENV)/ready lint
	pytest

lint: $(VENV)/ready
	ruff check .
	ruff format --check .
	mypy
	snakefmt --check Snakefile workflow/rules
	snakemake --lint

# Pins of every package, for every platform, with hashes.
lock: $(VENV)/ready
	uv pip compile --universal --python-version 3.11 --generate-hashes --extra demo --extra llm --extra dev --upgrade \
	    --no-emit-index-url --no-emit-find-links --no-header -o requirements.lock pyproject.toml
	python envs/generate.py

$(VENV)/ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "Python 3.11 or newer is needed: make PYTHON=python3.12"; exit 1; }
	@echo "Setting up $(VENV)/: about 5 GB to fetch, once"
	@$(PYTHON) -m venv $(VENV) || { echo "On Debian or Ubuntu: apt-get install python3-venv"; exit 1; }
	@pip install --quiet --upgrade "pip>=25"
	@pip install --quiet --require-hashes --requirement requirements.lock
	@pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

clean:
	rm -rf results/demo private/demo
