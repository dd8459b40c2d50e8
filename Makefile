# make demo: the whole demo study.  make test: the whole test suite.  Each sets up everything that it needs in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# Programs that recipes start find the environment's python, snakemake and dvc first.
export PATH := $(CURDIR)/$(BIN):$(PATH)
.DELETE_ON_ERROR:
.PHONY: help setup setup-test demo run repro pull test test-fast lint format lock clean

help:
	@echo "make demo    run the study in params.yaml (the demo, as shipped) and print its table"
	@echo "make repro   the same by dvc repro        make pull   fetch results from the DVC remote"
	@echo "make test    run the test suite           make lint   ruff, mypy, lint-imports, snakefmt, snakemake --lint"
	@echo "make test-fast    the tests that need no network, no training and no service"

setup: $(VENV)/ready
setup-test: $(VENV)/ready-test

$(VENV)/ready: envs/requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Sitter needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Name another: make PYTHON=python3.12 demo")'
	@echo "setting up $(VENV): about 200 packages, some minutes the first time"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) install --no-deps -r envs/requirements.lock
	@# On a machine with an NVIDIA GPU, this installs the CUDA packages that torch needs; elsewhere it does nothing.
	@$(PIP) install $$(grep -i '^torch==' envs/requirements.lock)
	@# The command `sitter`, which runs the code of this folder, and the plugins of Snakemake in this folder.
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/ready-test: $(VENV)/ready envs/test.lock
	@$(PIP) install --no-deps -r envs/test.lock
	@touch $@

demo run: setup
	@python rules/sync.py run $(ARGS)

repro: setup
	@python rules/sync.py repro $(ARGS)

pull: setup
	@python rules/sync.py pull $(ARGS)

# On all cores. For a single test: make test ARGS="-n 0 tests/test_cli.py"
test: setup-test
	@python -m pytest -n auto $(ARGS)

test-fast: setup-test
	@python -m pytest -n logical -m "not (slow or training or network or service)" $(ARGS)

lint: setup-test
	ruff check .
	ruff format --check .
	mypy
	lint-imports
	snakefmt --check Snakefile rules
	snakemake --lint

format: setup-test
	ruff check --fix .
	ruff format .
	snakefmt Snakefile rules

clean:
	rm -rf data models embeddings attributions results checkpoints logs .snakemake
