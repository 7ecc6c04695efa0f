# The whole road from recordings to figures, as a graph of files: nothing that is up to date is
# made again. `make` alone prints what there is.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# The stored model of our own learns from a simulated set of its own: ten thousands of slices, and
# none of the patients that the default set judges it on.
ifeq ($(notdir $(EXPERIMENT)),best_simulated.toml)
DATASET ?= synthetic-large
SIMULATED ?= 6000
SEED ?= 2023
endif

# What a user names may have spaces: in a recipe it is one word of the shell, in a list of
# prerequisites one word of make.
empty :=
space := $(empty) $(empty)
quoted = '$(subst ','\'',$(1))'
escaped = $(subst $(space),\ ,$(1))
# Two folders of one name are two data sets: the checksum of the whole path tells them apart.
ifneq ($(RECORDS),)
LOCAL := $(shell at="$$(cd -- $(call quoted,$(RECORDS)) 2>/dev/null && pwd -P || echo $(call quoted,$(RECORDS)))"; \
  printf 'local-%s-%08x' "$$(basename -- "$$at" | tr -c 'A-Za-z0-9._\n-' '_')" "$$(printf %s "$$at" | cksum | cut -d ' ' -f 1)")
endif

# --- variables ------------------------------------------------------------------------------
DATASET ?= $(or $(LOCAL),synthetic)#? name of the data: synthetic, cpsc2018, ptbxl, georgia, ... (`python -m ekg download --list`)
RECORDS ?=#? a folder of WFDB records to use instead of DATASET's own
SIZE ?= 800#? side of the images in pixels
JOBS ?= $(shell nproc 2>/dev/null || sysctl -n hw.ncpu 2>/dev/null || echo 1)#? parallel processes
EXPERIMENT ?= $(if $(GPU),experiments/paper_800.toml,experiments/quick.toml)#? the training recipe; the default is paper_800 with a GPU, quick without
RUN ?= $(DATASET)-$(basename $(notdir $(EXPERIMENT)))#? name of the run: its results lie in runs/RUN
SPLIT ?=#? a ready split file (record,diagnoses,split) to use instead of making one
SIMULATED ?= 1500#? how many records DATASET=synthetic has (synthetic-NAME is another such set)
SEED ?= 44#? seed of simulation, slices and split
MODEL ?=#? the model that predict, external and page use, instead of the default model; for export, of RUN
BASELINE ?=#? what compare compares with; without it the default model
PATHS ?=#? records, folders or images for `make predict`
PYTHON ?=#? an existing Python environment to use instead of building .venv
FROM ?=#? a local copy of the published model's files, for `make best-model`
OPTIONS ?=#? further options of `make hackathon` and `make verify` (python -m ekg VERB --help)
LABELS ?=#? a label file for `make external`, where the headers have no diagnosis
TORCH ?=#? cuda or cpu wheels of PyTorch; by itself cpu where there is no GPU, as first built
BASE_PYTHON ?= python3#? the Python that builds .venv
PORT ?= 8000#? where `make serve` shows the page on 127.0.0.1

# --- what follows from them -----------------------------------------------------------------
GPU := $(shell nvidia-smi -L 2>/dev/null | head -n 1)
SEEDED := --seed $(SEED)
HOME_OF_DATA := data/$(DATASET)
SET := $(HOME_OF_DATA)/im_res_$(SIZE)
RUN_DIR := runs/$(RUN)
FIGURES := paper/output/$(RUN)

# The environment: the caller's (PYTHON=...), the container's (EKG_PYTHON is set there), or .venv.
ifneq ($(PYTHON)$(EKG_PYTHON),)
PY := $(or $(PYTHON),$(EKG_PYTHON))
ENVIRONMENT :=
else
PY := .venv/bin/python
ENVIRONMENT := .venv/made-from.txt
endif
# Results must not depend on the user's locale or matplotlib settings.
export LC_ALL := C.UTF-8
export MPLCONFIGDIR ?= $(CURDIR)/.cache/matplotlib
export PYTHONPATH := $(CURDIR)$(if $(PYTHONPATH),:$(PYTHONPATH))
EKG := $(PY) -m ekg


.PHONY: help
help: ## print this help
	@echo "usage: make TARGET [VARIABLE=value ...]"; echo; echo "targets:"
	@awk -F ' ## ' '/^[a-z][a-z-]*:[^#]*## / {split($$1, name, ":"); printf "  %-16s %s\n", name[1], $$2}' $(MAKEFILE_LIST)
	@echo; echo "variables, with their values now:"
	@awk '/^[A-Z_]+ [?]=.*#[?] / {name = $$1; sub(/.*#[?] /, ""); print name, $$0}' $(MAKEFILE_LIST) \
	  | while read -r name about; do printf '  %-12s %-38s %s\n' "$$name" "$${!name:-}" "$$about"; done
help: export DATASET := $(DATASET)
help: export RECORDS := $(RECORDS)
help: export SIZE := $(SIZE)
help: export JOBS := $(JOBS)
help: export EXPERIMENT := $(EXPERIMENT)
help: export RUN := $(RUN)
help: export SPLIT := $(SPLIT)
help: export SIMULATED := $(SIMULATED)
help: export SEED := $(SEED)
help: export MODEL := $(MODEL)
help: export BASELINE := $(BASELINE)
help: export PATHS := $(PATHS)
help: export PYTHON := $(PYTHON)
help: export TORCH := $(TORCH)
help: export FROM := $(FROM)
help: export OPTIONS := $(OPTIONS)
help: export LABELS := $(LABELS)
help: export BASE_PYTHON := $(BASE_PYTHON)
help: export PORT := $(PORT)

include docker/docker.mk

# --- the environment ------------------------------------------------------------------------
# What TORCH asks for counts also where an environment of the other kind is up to date.
TORCH_CHANGED := $(if $(TORCH),$(if $(filter $(TORCH),$(shell cat .venv/made-from.txt 2>/dev/null)),,torch-changed))
.PHONY: torch-changed
.venv/made-from.txt: requirements.txt $(wildcard requirements-cpu.txt) scripts/make_environment.py scripts/uv-requirements.txt $(TORCH_CHANGED)
	@command -v $(BASE_PYTHON) >/dev/null || { echo "error: no $(BASE_PYTHON) here; install Python 3.11 or newer, or name one: make BASE_PYTHON=/path/to/python" >&2; exit 2; }
	@$(BASE_PYTHON) scripts/make_environment.py .venv $(if $(TORCH),--torch $(TORCH))

.PHONY: environment
environment: $(ENVIRONMENT) ## build .venv from requirements.txt (every other target does so by itself)

# --- records --------------------------------------------------------------------------------
ifneq ($(RECORDS),)
RECORDS_DIR := $(RECORDS)
RECORDS_READY :=
else ifneq ($(filter synthetic%,$(DATASET)),)
RECORDS_DIR := $(HOME_OF_DATA)/records
RECORDS_READY := $(RECORDS_DIR).made-$(SIMULATED)-$(SEED)
$(RECORDS_READY): | $(ENVIRONMENT)
	@$(EKG) simulate --out $(RECORDS_DIR) --records $(SIMULATED) $(SEEDED) -j $(JOBS)
	@rm -f $(RECORDS_DIR).made-*; touch $@
else
RECORDS_DIR := $(HOME_OF_DATA)/records
RECORDS_READY := $(RECORDS_DIR).made
endif

data/%/records.made: | $(ENVIRONMENT)
	@$(EKG) download $* --out data/$*/records
	@touch $@

# --- images ---------------------------------------------------------------------------------
# The headers of these carry no diagnosis of the seven classes: their records are for
# `make external` (labels beside the headers) and `make hackathon`, not for an image set.
NO_IMAGES := $(if $(RECORDS),,$(filter ptbxl ptbdb,$(DATASET)))

.PHONY: data
data: $(if $(NO_IMAGES),$(RECORDS_READY),$(SET)/manifest.csv) ## records and images: simulate or download, then draw
	@$(if $(NO_IMAGES),echo "records of $(DATASET): $(RECORDS_DIR); images are made of them by \`make external\` (ptbxl) or \`make hackathon\` (ptbdb)",:)

# A recipe that draws while it trains needs no packed file (640 kB an image).
PACK := $(if $(shell grep -s '^source = "records"' $(EXPERIMENT)),,--pack)

# Records come and go in folders below: `images` looks every time, and leaves the manifest as it
# is, time and all, where nothing has changed.
.PHONY: always
$(SET)/manifest.csv: $(RECORDS_READY) always | $(ENVIRONMENT)
	@$(EKG) images --records $(call quoted,$(RECORDS_DIR)) --out $(SET) --size $(SIZE) $(SEEDED) -j $(JOBS) --dataset $(DATASET) $(PACK) --unless-current

.PHONY: counts
counts: ## images per class, as CSV on standard output
	@$(MAKE) data 1>&2
	@$(EKG) counts $(SET)

# --- split ----------------------------------------------------------------------------------
SPLIT_FILE := $(or $(SPLIT),$(SET)/split.csv)
# The published protocol where the published records are; elsewhere every record gets a fold.
PROTOCOL := $(if $(filter cpsc2018,$(DATASET)),paper,stratified)

.PHONY: split
split: $(call escaped,$(SPLIT_FILE)) ## which record is in which fold (cpsc2018: checked against the published split)

$(SET)/split.csv: $(SET)/manifest.csv | $(ENVIRONMENT)
	@$(EKG) split --labels $(SET)/records.csv --out $@ --protocol $(PROTOCOL) $(SEEDED)

# --- train ----------------------------------------------------------------------------------
.PHONY: train
train: $(RUN_DIR)/finished.json ## train EXPERIMENT; resumes if interrupted

$(RUN_DIR)/finished.json: $(SET)/manifest.csv $(call escaped,$(SPLIT_FILE)) $(EXPERIMENT) | $(ENVIRONMENT)
	@echo "training with $(EXPERIMENT)$(if $(filter file,$(origin EXPERIMENT)), ($(if $(GPU),there is a GPU,no GPU here); EXPERIMENT= names another))" >&2
	@$(EKG) train --images $(SET) --split $(call quoted,$(SPLIT_FILE)) --run $(RUN_DIR) --experiment $(EXPERIMENT) --records $(call quoted,$(RECORDS_DIR)) --resume

# --- evaluate, compare ----------------------------------------------------------------------
.PHONY: evaluate
evaluate: $(RUN_DIR)/metrics.json ## predictions, metrics with intervals, and saliency of the run

$(RUN_DIR)/metrics.json: $(RUN_DIR)/finished.json | $(ENVIRONMENT)
	@$(EKG) evaluate --model $(RUN_DIR) --images $(SET) --split $(call quoted,$(SPLIT_FILE)) --fold val test --out $(RUN_DIR) --saliency

.PHONY: compare
compare: $(RUN_DIR)/comparison.json ## the run against the stored best model, and the published one
	@cat $(RUN_DIR)/comparison.md

$(RUN_DIR)/comparison.json: $(RUN_DIR)/metrics.json | $(ENVIRONMENT)
	@$(EKG) compare $(RUN_DIR) $(BASELINE) --images $(SET) --split $(call quoted,$(SPLIT_FILE)) --out $(RUN_DIR) >/dev/null

# --- figures --------------------------------------------------------------------------------
# RUN=published draws the paper's own figures, from the published predictions alone.
ifeq ($(RUN),published)
PAPER_RUN := published
PAPER_IMAGES :=
RESULTS :=
else
PAPER_RUN := $(RUN_DIR)
PAPER_IMAGES := $(if $(wildcard $(SET)/manifest.csv),--images $(SET))
# A machine that has only runs/ draws from the run's files; nothing before them is made again.
RESULTS := $(if $(wildcard $(SET)/manifest.csv),$(RUN_DIR)/comparison.json,$(if $(wildcard $(RUN_DIR)/metrics.json),,$(RUN_DIR)/comparison.json))
endif
PAPER_CODE := $(wildcard ekg/paper/*.py ekg/paper/figures/*.py)
NOTEBOOKS := $(patsubst paper/notebooks/%.py,$(FIGURES)/%.ipynb,$(wildcard paper/notebooks/*.py))

.PHONY: paper-figures
paper-figures: $(FIGURES)/report.html ## figures, tables and report of the run (RUN=published: of the paper)

$(FIGURES)/%.ipynb: paper/notebooks/%.py $(RESULTS) $(PAPER_CODE) | $(ENVIRONMENT)
	@OMP_NUM_THREADS=1 $(EKG) paper --run $(PAPER_RUN) $(PAPER_IMAGES) --out $(FIGURES) --notebook $*

$(FIGURES)/report.html: $(RESULTS) $(PAPER_CODE) $(wildcard paper/notebooks/*.py) | $(ENVIRONMENT)
	@$(MAKE) -j $(JOBS) $(NOTEBOOKS)
	@$(EKG) paper --run $(PAPER_RUN) $(PAPER_IMAGES) --out $(FIGURES) --report

# --- the whole road -------------------------------------------------------------------------
.PHONY: reproduce
reproduce: STARTED := $(shell date +%s)
reproduce: ## everything, from nothing to a compared model; ends with a short table
	@echo from $(if $(RECORDS),the records in $(call quoted,$(RECORDS)),$(DATASET) data) to a compared model: $(RUN_DIR), with $(EXPERIMENT)
	@echo "$(if $(GPU),GPU: $(GPU); the full schedule of $(notdir $(EXPERIMENT)) takes minutes to an hour or two,no GPU: at most 15 minutes on 2 idle cores with the default data and recipe); disk: $(if $(ENVIRONMENT),about 6 GB for .venv (TORCH=cpu: 2 GB) and )640 kB an image$(if $(filter synthetic,$(DATASET)),$(if $(PACK), (about 4 GB for $(SIMULATED) records)))"
	@$(MAKE) data
	@echo "images per class:"
	@$(MAKE) -s counts
	@$(MAKE) split train evaluate
	@$(MAKE) -s $(RUN_DIR)/comparison.json paper-figures
	@$(EKG) summary --run $(RUN_DIR) --images $(SET) --figures $(FIGURES) --started $(STARTED)

# --- use of a model -------------------------------------------------------------------------
MODEL_OPTION = $(if $(MODEL),--model $(call quoted,$(MODEL)))

.PHONY: predict
predict: $(ENVIRONMENT) ## read PATHS (records, folders, images) with MODEL
	@test -n $(call quoted,$(PATHS)) || { echo "error: say what to read: make predict PATHS=\"record.hea folder image.png\"" >&2; exit 2; }
	@if [ -e $(call quoted,$(PATHS)) ]; then $(EKG) predict $(call quoted,$(PATHS)) $(MODEL_OPTION); else $(EKG) predict $(PATHS) $(MODEL_OPTION); fi

.PHONY: best-model export external hackathon runs
best-model: $(ENVIRONMENT) ## fetch the published model's files, verified (FROM=folder: take a local copy)
	@$(EKG) best-model $(if $(FROM),--from $(call quoted,$(FROM)))

export: $(ENVIRONMENT) ## write MODEL as ONNX, checked against torch
	@$(EKG) export --model $(call quoted,$(or $(MODEL),$(RUN_DIR)))

external: $(ENVIRONMENT) ## judge MODEL on RECORDS of another hospital (LABELS=file where headers have none)
	@test -n $(call quoted,$(RECORDS)) || { echo "error: say whose records: make external MODEL=... RECORDS=folder" >&2; exit 2; }
	@$(EKG) external $(MODEL_OPTION) --records $(call quoted,$(RECORDS)) $(if $(LABELS),--labels $(call quoted,$(LABELS))) --out runs/external/$(LOCAL)-"$$(basename -- $(call quoted,$(or $(MODEL),$(shell cat best_model_for_paper/default))))"

hackathon: $(if $(RECORDS),,data/ptbdb/records.made) | $(ENVIRONMENT) ## the 2019 hackathon rebuilt on ptbdb, beside its published figures (OPTIONS="--train all ...")
	@$(EKG) hackathon --records $(call quoted,$(or $(RECORDS),data/ptbdb/records)) --out runs/hackathon$(if $(LOCAL),-$(LOCAL)) -j $(JOBS) $(OPTIONS)

runs: $(ENVIRONMENT) ## list the runs: what differs between them, and their main figures
	@$(EKG) runs

# --- the page -------------------------------------------------------------------------------
PAGE_PACKAGES := page/node_modules/.package-lock.json

$(PAGE_PACKAGES): page/package-lock.json
	@command -v npm >/dev/null || { echo "error: no npm here; install Node.js 20 or newer" >&2; exit 2; }
	@npm ci --prefix page --loglevel=error

.PHONY: page serve
page: $(PAGE_PACKAGES) | $(ENVIRONMENT) ## build the page that reads EKGs in the browser into build/page
	@$(EKG) page $(if $(MODEL),--model "$(MODEL)") --out build/page

serve: $(ENVIRONMENT) ## show the built page on http://127.0.0.1:PORT
	@$(EKG) serve --folder build/page --port $(PORT)

# --- reading pages --------------------------------------------------------------------------
.PHONY: strips-model strips-benchmark
strips-model: $(ENVIRONMENT) ## train the networks that read printed pages, and store them (resumes where it was)
	@for network in names segment; do \
	  $(EKG) train-strips --experiment experiments/strips/$$network.toml --run runs/strip-$$network --store -j $(JOBS); \
	done

strips-benchmark: $(ENVIRONMENT) ## read simulated pages and those of EKG_SHARED, and compare with what is printed on them
	@$(PY) scripts/bench_strips.py simulated -j $(JOBS)
	@for set in photos pages; do $(PY) scripts/bench_strips.py $$set; done

# --- checks ---------------------------------------------------------------------------------
.PHONY: verify test test-reference test-clone test-page test-all test-faults test-mutation coverage lint
verify: $(ENVIRONMENT) ## check files, code and docs against each other (OPTIONS="--full", "--only pages ...")
	@$(EKG) verify $(OPTIONS)

test: $(ENVIRONMENT) ## the fast tests
	@$(PY) -m pytest -n $(JOBS) -m "not slow"

test-reference: $(ENVIRONMENT) ## the fast tests that need the reference data (EKG_SHARED), and no others
	@$(PY) -m pytest -n $(JOBS) -m "reference and not slow"

test-clone: $(ENVIRONMENT) ## the fast tests in a fresh clone alone in the world
	@PYTHON="$(if $(findstring /,$(PY)),$(abspath $(PY)),$(PY))" scripts/check_clone.sh test

test-page: $(PAGE_PACKAGES) | $(ENVIRONMENT) ## the page's tests in a real browser (needs npm and chromium)
	@$(PY) -m pytest tests/page

test-all: $(ENVIRONMENT) ## all tests, the slow ones too
	@$(PY) -m pytest -n $(JOBS)

test-faults: $(ENVIRONMENT) ## kill, starve and damage every stage, hundreds of times (about 15 minutes on one core)
	@$(PY) -m campaigns.faults --write

coverage: $(ENVIRONMENT) ## the fast tests, and the share of ekg/ that they run (fails below 95 %)
	@rm -rf .cache/coverage && mkdir -p .cache/coverage
	@$(PY) -m pytest -n $(JOBS) -m "not slow" --cov --cov-report=json:.cache/coverage/report.json
	@$(PY) scripts/coverage_table.py .cache/coverage/report.json

MUTATION_PACKAGES := .cache/mutation/packages

$(MUTATION_PACKAGES)/made: campaigns/mutation/requirements.txt | $(ENVIRONMENT)
	@rm -rf $(MUTATION_PACKAGES)
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --target $(MUTATION_PACKAGES) -r $<
	@touch $@

test-mutation: $(MUTATION_PACKAGES)/made ## change slicing, split, metrics and manifest code, see whether tests notice
	@$(PY) -m campaigns.mutation --packages $(MUTATION_PACKAGES)

.PHONY: test-fuzz audit
test-fuzz: $(ENVIRONMENT) ## over 100,000 bad inputs for everything that reads (about an hour; resumes)
	@$(PY) -m campaigns.fuzzing $(OPTIONS)

audit: $(ENVIRONMENT) ## compare the pinned packages with the database of known vulnerabilities (needs the network)
	@$(PY) scripts/audit.py

lint: $(ENVIRONMENT) ## ruff, mypy, and who imports whom (import-linter)
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy
	@$(PY) -c "from importlinter.cli import lint_imports_command; lint_imports_command()" --no-cache

# --- measurements ---------------------------------------------------------------------------
# Each writes its CSV under benchmarks/; run them on a machine that does nothing else.
.PHONY: bench-images bench-training bench-inference bench-statistics
bench-images: $(ENVIRONMENT) ## measure drawing against plain matplotlib
	@$(PY) scripts/bench_images.py

bench-training: $(ENVIRONMENT) ## measure training, inference and loading against the textbook form
	@$(PY) scripts/bench_training.py

bench-inference: $(ENVIRONMENT) ## measure prediction: onnxruntime and torch, and from record to verdict
	@$(PY) scripts/bench_inference.py --out benchmarks/inference.csv

bench-statistics: $(ENVIRONMENT) ## measure metrics, intervals and comparison
	@$(PY) scripts/bench_statistics.py --write

# --- upkeep ---------------------------------------------------------------------------------
.PHONY: clean lock
clean: ## remove images, figures and caches (records, runs and .venv stay)
	@rm -rf paper/output/* build .cache .pytest_cache .mypy_cache .ruff_cache
	@for set in data/*/im_res_*; do if [ -e "$$set" ]; then rm -rf "$$set"; fi; done

COMPILE := $(or $(wildcard .venv/installer/bin/uv),uv) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --upgrade
lock: ## compile requirements.in into requirements.txt, with uv (.venv has it)
	@$(COMPILE) -o requirements.txt requirements.in
	@echo uv | $(COMPILE) --no-annotate -o scripts/uv-requirements.txt -
	@$(BASE_PYTHON) scripts/make_environment.py --record-cpu-hashes
