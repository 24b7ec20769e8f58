# make run    set up what is missing and serve on http://127.0.0.1:8080 (PORT= changes it), data in ./data;
#             models that faces do not need are built while it serves
# make demo   the whole job once: index photos, search one never seen, draw the answer
# make test   set up everything and run the tests
# make check  formatting, types, imports between the rooms, documents
# make docs   write docs/COVERAGE.md and docs/CLI.md anew
# make lock   write the pins of requirements*.txt anew (needs uv)
# make dist    dist/*.whl: openrek for each platform, and its models (docs/INSTALL.md)
# make image   a container image with buildah, without Docker (docs/INSTALL.md); IMAGE="--debootstrap ..." sets options
# make package, make synth, make deploy   docs/DEPLOY.md; CDK="-c name=value ..." sets options, ARCHITECTURE= the machine

PYTHON ?= python3
PORT ?= 8080
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
ARCHITECTURE ?= arm64
CDK ?=
IMAGE ?=
CDK_MADE := node_modules/.made
CDK_COMMAND := $(BIN)/python -m infra.node node_modules/.bin/cdk
COMPILE := uv pip compile -q --universal --python-version 3.11 --no-header --no-annotate
LOCK := $(COMPILE) pyproject.toml
LOCK_SAM := $(COMPILE) tests/infra/sam-requirements.in

.PHONY: run demo test check docs lock dist image package synth deploy

run: $(VENV)/.built
	@exec $(BIN)/openrek serve --port $(PORT) --data data

demo: $(VENV)/.built
	@exec $(BIN)/python -m demo

test: $(VENV)/.dev
	$(BIN)/openrek kernel
	$(BIN)/python -m pytest -n auto --dist loadfile

check: $(VENV)/.dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/mypy --platform win32 --package openrek
	$(BIN)/lint-imports
	$(BIN)/python docs/generate_coverage.py --check
	$(BIN)/python docs/check_docs.py

docs: $(VENV)/.dev
	$(BIN)/python docs/generate_coverage.py
	$(BIN)/python docs/check_docs.py --write

lock:
	$(LOCK) --extra aws --extra cli -o requirements-runtime.txt
	$(LOCK) --all-extras -c requirements-runtime.txt -o requirements.txt
	$(LOCK_SAM) -o tests/infra/sam-requirements.txt

dist: $(VENV)/.dev
	$(BIN)/python -m infra.dist

image: $(VENV)/.dev
	$(BIN)/python -m infra.image $(IMAGE)

package: $(VENV)/.dev
	$(BIN)/python -m infra.package --architecture $(ARCHITECTURE)

synth: $(CDK_MADE)
	$(CDK_COMMAND) synth --quiet -c architecture=$(ARCHITECTURE) $(CDK)

deploy: $(CDK_MADE)
	$(CDK_COMMAND) deploy --all -c architecture=$(ARCHITECTURE) $(CDK)

# A stamp is made only when its step is complete, so an interrupted set-up is simply done again.
$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(None if (3, 11) <= sys.version_info < (3, 14) else \
	  "openrek needs Python 3.11 to 3.13; name one with: make PYTHON=python3.12")'
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@touch $@

$(VENV)/.runtime: requirements-runtime.txt pyproject.toml $(VENV)/.made
	$(PIP) install -r requirements-runtime.txt
	$(PIP) install --no-deps --editable .
	@touch $@

$(VENV)/.dev: requirements.txt pyproject.toml $(VENV)/.made
	$(PIP) install -r requirements.txt
	$(PIP) install --no-deps --editable .
	@touch $@ $(VENV)/.runtime

$(CDK_MADE): package-lock.json $(VENV)/.dev
	$(BIN)/python -m infra.node npm ci --ignore-scripts --no-audit --no-fund
	@touch $@

$(VENV)/.built: layers/openrek/vision/models/manifest.toml layers/openrek/vision/models/edit_graphs.py \
    layers/openrek/store/search/row_scan.c layers/openrek/store/search/build_row_scan.py $(VENV)/.runtime
	$(BIN)/openrek kernel
	$(BIN)/openrek weights --pack faces
	@touch $@
