# The whole pipeline from recordings to figures, as a graph of files: nothing that is up to date is
# made again. `make` alone prints the main targets, `make help-more` the rest.

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
  name="$$(basename -- "$$at" | tr -c 'A-Za-z0-9._\n-' '_')"; \
  printf 'local-%s-%08x' "$$name" "$$(printf %s "$$at" | cksum | cut -d ' ' -f 1)")
endif

# --- variables ------------------------------------------------------------------------------
# `#?` is shown by `make help`, `#+` by `make help-more`.
DATASET ?= $(or $(LOCAL),synthetic)#? data set: synthetic, cpsc2018, georgia, ... (`python -m ekg download --list`)
RECORDS ?=#? folder of WFDB records to use instead of a data set
SIZE ?= 800#? image size in pixels
JOBS ?= $(shell nproc 2>/dev/null || sysctl -n hw.ncpu 2>/dev/null || echo 1)#? parallel processes
EXPERIMENT ?= experiments/$(if $(GPU),paper_800,quick).toml#? training recipe; default: paper_800 with a GPU, else quick
RUN ?= $(DATASET)-$(basename $(notdir $(EXPERIMENT)))#? name of the run; its results are in runs/RUN
SPLIT ?=#? existing split file (record,diagnoses,split)
MODEL ?=#? model for predict, external, export and page; default: the default model (export: RUN)
PATHS ?=#? records, folders or images for `make predict`
TORCH ?=#? cuda or cpu wheels of PyTorch; default: cpu where there is no GPU
PYTHON ?=#? existing Python environment to use instead of .venv
SIMULATED ?= 1500#? number of records of DATASET=synthetic (synthetic-NAME is another such set)
SEED ?= 44#+ seed of simulation, slices and split
BASELINE ?=#+ what `make compare` compares with; default: the default model
LABELS ?=#+ label file for `make external` and `make adapt`, where headers have no diagnosis
FROM ?=#+ local copy of the published model's files, for `make best-model`
OPTIONS ?=#+ further options of hackathon, verify and test-fuzz
BASE_PYTHON ?= python3#+ Python that builds .venv
PORT ?= 8000#+ port of `make serve` on 127.0.0.1

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


# A target with `## text` is shown by `make help`, one with `### text` by `make help-more`.
# $(call listed,MARK OF TARGETS,MARK OF VARIABLES)
define listed
echo "usage: make TARGET [VARIABLE=value ...]"; echo; echo "targets:"; \
awk -F ' $(1) ' '/^[a-z][a-z-]*:[^#]* $(1) / {split($$1, name, ":"); \
  printf "  %-16s %s\n", name[1], $$2}' $(MAKEFILE_LIST); \
echo; echo "variables, with their current values:"; \
awk '/^[A-Z_]+ [?]=.*#[$(2)] / {name = $$1; sub(/.*#[$(2)] /, ""); print name, $$0}' $(MAKEFILE_LIST) \
  | while read -r name about; do printf '  %-12s %-38s %s\n' "$$name" "$${!name:-}" "$$about"; done
endef

.PHONY: help help-more
help: ## print the main targets and variables
	@$(call listed,##,?)
	@echo; echo "more: make help-more"

help-more: ### print the other targets and variables
	@$(call listed,###,+)

include docker/docker.mk

# What help prints as a variable's current value, it finds in the environment.
VARIABLES := DATASET RECORDS SIZE JOBS EXPERIMENT RUN SPLIT MODEL PATHS TORCH PYTHON \
  SIMULATED SEED BASELINE LABELS FROM OPTIONS BASE_PYTHON PORT \
  DOCKER IMAGE BASE_IMAGE ADD_PACKAGES TARGET DOCKER_USER DOCKER_FLAGS BUILD_FLAGS SHM_SIZE
$(foreach name,$(VARIABLES),$(eval help help-more: export $(name) := $$($(name))))

# --- the environment ------------------------------------------------------------------------
# What TORCH asks for counts also where an environment of the other kind is up to date.
TORCH_CHANGED := $(if $(TORCH),$(if $(filter $(TORCH),$(shell cat .venv/made-from.txt 2>/dev/null)),,torch-changed))
.PHONY: torch-changed
.venv/made-from.txt: requirements.txt $(wildcard requirements-cpu.txt) scripts/make_environment.py
.venv/made-from.txt: scripts/uv-requirements.txt $(TORCH_CHANGED)
	@command -v $(BASE_PYTHON) >/dev/null || { echo "error: $(BASE_PYTHON) not found; install Python 3.11 or newer," \
	  "or name one: make BASE_PYTHON=/path/to/python" >&2; exit 2; }
	@$(BASE_PYTHON) scripts/make_environment.py .venv $(if $(TORCH),--torch $(TORCH))

.PHONY: environment
environment: $(ENVIRONMENT) ### build .venv from requirements.txt (other targets do so when needed)

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
	@$(if $(NO_IMAGES),echo "records of $(DATASET): $(RECORDS_DIR)" \
	  "(for \`make external\` or \`make hackathon\`, without an image set)",:)

# Records come and go in folders below: `images` looks every time, and leaves the manifest as it
# is, time and all, where nothing has changed.
.PHONY: always
$(SET)/manifest.csv: $(RECORDS_READY) always | $(ENVIRONMENT)
	@$(EKG) images --records $(call quoted,$(RECORDS_DIR)) --out $(SET) --size $(SIZE) $(SEEDED) \
	  -j $(JOBS) --dataset $(DATASET) --pack-for $(EXPERIMENT) --unless-current

.PHONY: counts
counts: ## images per class, as CSV
	@$(MAKE) data 1>&2
	@$(EKG) counts $(SET)

# --- split ----------------------------------------------------------------------------------
SPLIT_FILE := $(or $(SPLIT),$(SET)/split.csv)

.PHONY: split
split: $(call escaped,$(SPLIT_FILE)) ## assign records to folds (cpsc2018: checked against the published split)

$(SET)/split.csv: $(SET)/manifest.csv | $(ENVIRONMENT)
	@$(EKG) split --labels $(SET)/records.csv --out $@ --protocol auto $(SEEDED)

# --- train ----------------------------------------------------------------------------------
.PHONY: train
train: $(RUN_DIR)/finished.json ## train EXPERIMENT; resumes if interrupted

$(RUN_DIR)/finished.json: $(SET)/manifest.csv $(call escaped,$(SPLIT_FILE)) $(EXPERIMENT) | $(ENVIRONMENT)
	@echo "training with $(EXPERIMENT) ($(if $(GPU),GPU,no GPU))" >&2
	@$(EKG) train --images $(SET) --split $(call quoted,$(SPLIT_FILE)) --run $(RUN_DIR) --experiment $(EXPERIMENT) \
	  --records $(call quoted,$(RECORDS_DIR)) --resume

# --- evaluate, compare ----------------------------------------------------------------------
.PHONY: evaluate
evaluate: $(RUN_DIR)/metrics.json ## predictions, metrics with intervals, saliency

$(RUN_DIR)/metrics.json: $(RUN_DIR)/finished.json | $(ENVIRONMENT)
	@$(EKG) evaluate --model $(RUN_DIR) --images $(SET) --split $(call quoted,$(SPLIT_FILE)) \
	  --fold val test --out $(RUN_DIR) --saliency

.PHONY: compare
compare: $(RUN_DIR)/comparison.json ## compare the run with the default model and the published one
	@cat $(RUN_DIR)/comparison.md

$(RUN_DIR)/comparison.json: $(RUN_DIR)/metrics.json | $(ENVIRONMENT)
	@$(EKG) compare $(RUN_DIR) $(BASELINE) --images $(SET) --split $(call quoted,$(SPLIT_FILE)) \
	  --out $(RUN_DIR) >/dev/null

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
RESULTS := $(RUN_DIR)/comparison.json
ifeq ($(wildcard $(SET)/manifest.csv),)
RESULTS := $(if $(wildcard $(RUN_DIR)/metrics.json),,$(RESULTS))
endif
endif
PAPER_CODE := $(wildcard ekg/paper/*.py ekg/paper/figures/*.py)

.PHONY: paper-figures
paper-figures: $(FIGURES)/report.html ## figures, tables and report of the run (RUN=published: of the paper)

$(FIGURES)/report.html: $(RESULTS) $(PAPER_CODE) $(wildcard paper/notebooks/*.py) | $(ENVIRONMENT)
	@OMP_NUM_THREADS=1 $(EKG) paper --run $(PAPER_RUN) $(PAPER_IMAGES) --out $(FIGURES) -j $(JOBS)

# --- the whole pipeline ---------------------------------------------------------------------
.PHONY: reproduce
reproduce: STARTED := $(shell date +%s)
reproduce: ## everything: data, training, evaluation, comparison, figures; ends with a summary
	@$(if $(ENVIRONMENT),$(BASE_PYTHON),$(PY)) scripts/announce.py --data $(call quoted,$(or $(RECORDS),$(DATASET))) \
	  --run $(RUN_DIR) --experiment $(EXPERIMENT) --gpu $(call quoted,$(GPU)) $(if $(ENVIRONMENT),--environment) \
	  $(if $(filter synthetic%,$(DATASET)),--simulated $(SIMULATED))
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
	@test -n $(call quoted,$(PATHS)) || { \
	  echo "error: PATHS is required: make predict PATHS=\"record.hea folder image.png\"" >&2; exit 2; }
	@if [ -e $(call quoted,$(PATHS)) ]; then $(EKG) predict $(call quoted,$(PATHS)) $(MODEL_OPTION); \
	  else $(EKG) predict $(PATHS) $(MODEL_OPTION); fi

.PHONY: adapt best-model export external hackathon runs
best-model: $(ENVIRONMENT) ## download and verify the published model (FROM=folder: use a local copy)
	@$(EKG) best-model $(if $(FROM),--from $(call quoted,$(FROM)))

export: $(ENVIRONMENT) ### export MODEL to ONNX, checked against torch
	@$(EKG) export --model $(call quoted,$(or $(MODEL),$(RUN_DIR)))

EXTERNAL_MODEL = "$$(basename -- $(call quoted,$(or $(MODEL),$(shell cat best_model_for_paper/default))))"
external: $(ENVIRONMENT) ## evaluate MODEL on RECORDS of another hospital
	@test -n $(call quoted,$(RECORDS)) || { \
	  echo "error: RECORDS is required: make external MODEL=... RECORDS=folder" >&2; exit 2; }
	@$(EKG) external $(MODEL_OPTION) --records $(call quoted,$(RECORDS)) \
	  $(if $(LABELS),--labels $(call quoted,$(LABELS))) --out runs/external/$(LOCAL)-$(EXTERNAL_MODEL)

adapt: $(ENVIRONMENT) ### train MODEL further on RECORDS of your hospital, with cross-validation
	@test -n $(call quoted,$(RECORDS)) || { \
	  echo "error: RECORDS is required: make adapt MODEL=... RECORDS=folder" >&2; exit 2; }
	@$(EKG) adapt $(MODEL_OPTION) --records $(call quoted,$(RECORDS)) -j $(JOBS) \
	  $(if $(LABELS),--labels $(call quoted,$(LABELS))) --out runs/adapted/$(LOCAL)-$(EXTERNAL_MODEL)

hackathon: $(if $(RECORDS),,data/ptbdb/records.made) | $(ENVIRONMENT) ## the 2019 hackathon, rebuilt
	@$(EKG) hackathon --records $(call quoted,$(or $(RECORDS),data/ptbdb/records)) \
	  --out runs/hackathon$(if $(LOCAL),-$(LOCAL)) -j $(JOBS) $(OPTIONS)

runs: $(ENVIRONMENT) ### list the runs with their settings and metrics
	@$(EKG) runs

# --- the page -------------------------------------------------------------------------------
PAGE_PACKAGES := page/node_modules/.package-lock.json

$(PAGE_PACKAGES): page/package-lock.json
	@command -v npm >/dev/null || { echo "error: npm not found; install Node.js 20 or newer" >&2; exit 2; }
	@npm ci --prefix page --omit=optional --loglevel=error

.PHONY: page serve
page: $(PAGE_PACKAGES) | $(ENVIRONMENT) ## build the browser page into build/page
	@$(EKG) page $(if $(MODEL),--model "$(MODEL)") --out build/page

serve: $(ENVIRONMENT) ## serve the built page on http://127.0.0.1:PORT
	@$(EKG) serve --folder build/page --port $(PORT)

# --- reading pages --------------------------------------------------------------------------
.PHONY: strips-model strips-benchmark
strips-model: $(ENVIRONMENT) ### train and store the networks that read printed pages; resumes if interrupted
	@for network in names segment; do \
	  $(EKG) train-strips --experiment experiments/strips/$$network.toml --run runs/strip-$$network --store -j $(JOBS); \
	done

strips-benchmark: $(ENVIRONMENT) ### read simulated pages and those of EKG_SHARED, and compare with their signals
	@$(PY) scripts/bench_strips.py simulated -j $(JOBS)
	@for set in photos pages; do $(PY) scripts/bench_strips.py $$set; done

# --- checks ---------------------------------------------------------------------------------
.PHONY: verify test test-reference test-clone test-page test-all test-faults test-mutation coverage lint
verify: $(ENVIRONMENT) ## check files, code and docs against each other (OPTIONS="--full")
	@$(EKG) verify $(OPTIONS)

test: $(ENVIRONMENT) ## the fast tests
	@$(PY) -m pytest -n $(JOBS) -m "not slow"

test-reference: $(ENVIRONMENT) ### the fast tests that need the reference data (EKG_SHARED)
	@$(PY) -m pytest -n $(JOBS) -m "reference and not slow"

test-clone: $(ENVIRONMENT) ### the fast tests in a fresh, isolated clone
	@PYTHON="$(if $(findstring /,$(PY)),$(abspath $(PY)),$(PY))" scripts/check_clone.sh test

test-page: $(PAGE_PACKAGES) | $(ENVIRONMENT) ### the page in a real browser (needs npm and chromium)
	@$(PY) -m pytest tests/page

test-all: $(ENVIRONMENT) ## all tests, the slow ones too
	@$(PY) -m pytest -n $(JOBS)

test-faults: $(ENVIRONMENT) ### kill processes, fill disks and damage files at every stage (15 minutes on one core)
	@$(PY) -m campaigns.faults --write

coverage: $(ENVIRONMENT) ### line coverage of the fast tests (fails below 95 %)
	@rm -rf .cache/coverage && mkdir -p .cache/coverage
	@$(PY) -m pytest -n $(JOBS) -m "not slow" --cov --cov-report=term:skip-covered --cov-fail-under=95

MUTATION_PACKAGES := .cache/mutation/packages

$(MUTATION_PACKAGES)/made: campaigns/mutation/requirements.txt | $(ENVIRONMENT)
	@rm -rf $(MUTATION_PACKAGES)
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
	  --target $(MUTATION_PACKAGES) -r $<
	@touch $@

test-mutation: $(MUTATION_PACKAGES)/made ### change the code and count the changes that no test detects
	@$(PY) -m campaigns.mutation --packages $(MUTATION_PACKAGES)

.PHONY: test-fuzz audit
test-fuzz: $(ENVIRONMENT) ### over 100,000 malformed inputs for every reader (about an hour; resumes)
	@$(PY) -m campaigns.fuzzing $(OPTIONS)

audit: $(ENVIRONMENT) ### check the pinned packages for known vulnerabilities (needs the network)
	@$(PY) scripts/audit.py

lint: $(ENVIRONMENT) ## ruff, mypy and the import contracts
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy
	@$(PY) -c "from importlinter.cli import lint_imports_command; lint_imports_command()" --no-cache

# --- measurements ---------------------------------------------------------------------------
# Each writes its CSV under benchmarks/; run them on a machine that does nothing else.
.PHONY: bench-images bench-training bench-inference bench-statistics
bench-images: $(ENVIRONMENT) ### measure drawing against plain matplotlib
	@$(PY) scripts/bench_images.py

bench-training: $(ENVIRONMENT) ### measure training, inference and loading against the textbook form
	@$(PY) scripts/bench_training.py

bench-inference: $(ENVIRONMENT) ### measure prediction with onnxruntime and torch
	@$(PY) scripts/bench_inference.py --out benchmarks/inference.csv

bench-statistics: $(ENVIRONMENT) ### measure metrics, intervals and comparison
	@$(PY) scripts/bench_statistics.py --write

# --- upkeep ---------------------------------------------------------------------------------
.PHONY: clean lock
clean: ## remove images, figures and caches (not records, runs or .venv)
	@rm -rf paper/output/* build .cache .pytest_cache .mypy_cache .ruff_cache
	@for set in data/*/im_res_*; do if [ -e "$$set" ]; then rm -rf "$$set"; fi; done

COMPILE := $(or $(wildcard .venv/installer/bin/uv),uv) pip compile --quiet --universal --python-version 3.11 \
  --generate-hashes --no-header --no-emit-index-url --upgrade
lock: ### compile requirements.in into requirements.txt, with uv
	@$(COMPILE) -o requirements.txt requirements.in
	@echo uv | $(COMPILE) --no-annotate -o scripts/uv-requirements.txt -
	@$(BASE_PYTHON) scripts/make_environment.py --record-cpu-hashes
