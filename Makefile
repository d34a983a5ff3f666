# Pliant: everything that a newcomer or a build machine runs.  Needs Python 3.11+ and make, nothing else.
#
#   make demo     a real architecture search, in an environment of its own (.venv)
#   make check    style, types and the fast tests, under 3 minutes, for daily work
#   make test     the whole suite: tests, doc examples, lint, types, docs
#   make faults   kills searches in many ways and resumes them; on the server that PLIANT_POSTGRES names as well
#
# Variables:
#   PYTHON=...    the interpreter that makes the environment (default: the first of python3, python3.11, ...)
#   PIP_ARGS=...  further arguments for every `pip install`
#   TORCH=gpu     agree to the GPU build of PyTorch (several GB) where that is what pip would fetch
#   PYTEST_ARGS=  what to test and how, such as PYTEST_ARGS="tests/space -x"

SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
PIP_ARGS ?=
PYTEST_ARGS ?=
WORKERS ?= 2
TORCH ?= cpu
# Without those tests of searches that start processes.
FAST := tests/schema tests/space tests/symbolic tests/hyper tests/algorithms/test_base.py tests/algorithms/test_naming.py \
    tests/tune tests/study/trials tests/test_architecture.py tests/test_sizes.py tests/test_wording.py tests/test_public.py \
    $(addprefix --ignore=tests/tune/,test_parallel.py test_winner.py test_ranks.py test_artifacts.py)
PIP_INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt $(PIP_ARGS)

# One thread per process: the suite runs WORKERS processes, and two pools of threads would fight for the cores.
# Compiled modules are kept, as tests start thousands of processes.
TEST_ENV := PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 KERAS_BACKEND=torch

.DEFAULT_GOAL := help
.DELETE_ON_ERROR: # half an environment must not be taken for a whole one
.NOTPARALLEL: # two installs at once would fight over it
.PHONY: help demo check test faults lint format docs bench architectures quality clean

help: ## Show this help
	@echo "make <target>, where <target> is one of:"
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)$$/  \1|\2/p' Makefile | awk -F'|' '{printf "%-10s %s\n", $$1, $$2}'

demo: $(VENV)/stamp-demo ## Search a network for handwritten digits (40 trials), then compare and explain
	$(BIN)/pliant search examples/digits.py --trials 40 --seed 0 --baseline
	$(BIN)/pliant report digits.study.db --program examples/digits.py -o digits.html

check: $(VENV)/stamp-test ## Run style, types and the fast tests (under 3 minutes)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(TEST_ENV) $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -q $(FAST)

test: $(VENV)/stamp-test ## Run the whole suite
	$(TEST_ENV) $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(PYTEST_ARGS)

faults: $(VENV)/stamp-test ## Kill searches at many points and go on; print a table (some minutes)
	$(TEST_ENV) $(BIN)/python tests/faults/campaign.py
	$(TEST_ENV) $(BIN)/python tests/faults/teams.py
	$(TEST_ENV) PLIANT_FAULTS=1 $(BIN)/python -m pytest -q tests/faults/test_disk.py tests/faults/test_torn.py tests/faults/test_commands.py

lint: $(VENV)/stamp-test ## Check style and types only
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/stamp-test ## Rewrite the code in the house format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/stamp-test ## Build the documentation into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

bench: $(VENV)/stamp-bench ## Print the table of benchmarks/core.py, next to PyGlove and plain Python
	$(BIN)/python benchmarks/core.py

# The packages are installed without what they depend on, in a folder of their own, so that PyTorch stays as it is.
architectures: $(VENV)/stamp-test ## Print what works on which architecture of five packages (about an hour)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps $(PIP_ARGS) --upgrade --target build/architectures \
	    timm torchvision segmentation-models-pytorch torch_geometric xxhash psutil
	$(TEST_ENV) PYTHONPATH=build/architectures $(BIN)/python benchmarks/architectures.py --out build/architectures.jsonl

quality: $(VENV)/stamp-peers ## Compare the algorithms with other libraries' (hours; PLIANT_DATA names the folder of tables)
	$(BIN)/python benchmarks/algorithms.py

clean: ## Remove the environment and everything that was built
	rm -rf $(VENV) site build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- the environment -----------------------------------------------------------------------------------

$(BIN)/python:
	@set -e; found=; \
	for python in $(or $(PYTHON),python3 python3.11 python3.12 python3.13 python3.14 python); do \
	    if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found=$$python; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
	    version=$$($(or $(PYTHON),python3) --version 2>/dev/null) || version="no $(or $(PYTHON),python3)"; \
	    echo "Pliant needs Python 3.11 or newer; found $$version." >&2; \
	    echo "Install one, or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11" >&2; exit 1; \
	fi; \
	if ! "$$found" -c 'import venv, ensurepip' 2>/dev/null; then \
	    echo "$$found has no module 'venv' (or 'ensurepip'), with which the environment in $(VENV) is made." >&2; \
	    echo "On Debian and Ubuntu it is a package of its own: apt-get install python3-venv" >&2; exit 1; \
	fi; \
	echo "Making $(VENV) with $$($$found --version)"; \
	rm -rf $(VENV); "$$found" -m venv $(VENV)

# On Linux the plain build of PyTorch brings GPU packages of several GB along.  So the CPU build is asked for
# by its own name first, and where pip knows none, we stop and explain instead of fetching the other.
$(VENV)/stamp-torch: constraints.txt | $(BIN)/python
	@set -e; version=$$(sed -n 's/^torch==//p' constraints.txt); \
	if $(BIN)/python -c "import sys, importlib.metadata as m; sys.exit(m.version('torch').split('+')[0] != '$$version')" 2>/dev/null; then :; \
	elif [ "$$(uname -s)" != Linux ] || [ "$(TORCH)" = gpu ]; then $(PIP_INSTALL) "torch==$$version"; \
	elif $(PIP_INSTALL) "torch==$$version+cpu"; then :; \
	else \
	    echo >&2; \
	    echo "Stopped: pip, as it is set up here, could not get the CPU build of PyTorch $$version (its words are above)." >&2; \
	    echo "The plain build for Linux brings GPU packages of several GB along, so it is not taken unasked. Choose:" >&2; \
	    echo "  CPU, some 200 MB:  make $(MAKECMDGOALS) PIP_EXTRA_INDEX_URL=<index>" >&2; \
	    echo "                     where <index> is the address that the install page of pytorch.org shows for Linux, Pip, CPU" >&2; \
	    echo "  GPU, several GB:   make $(MAKECMDGOALS) TORCH=gpu" >&2; \
	    exit 1; \
	fi
	@touch $@

$(VENV)/stamp-%: pyproject.toml constraints.txt $(VENV)/stamp-torch
	@echo "Installing Pliant with what '$*' needs"
	@$(PIP_INSTALL) -e '.[$*]'
	@touch $@
