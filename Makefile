# Short lines around snakemake: `make demo`, `make mini MIRROR=FOLDER`, `make paper`,
# `make xtreme ENCODER=FOLDER-OR-HUB-ID`. Real data come from MIRROR=FOLDER where it is given and has them.
# The paper with other settings: make paper RECIPE=jiant (or xtreme, throughput)
# A part of a run: make demo sources=none,mnli tasks=xnli languages=en,qaa

# Large blocks of memory on huge pages (of the GNU C library): a small gain for what is trained on a CPU.
export GLIBC_TUNABLES ?= glibc.malloc.hugetlb=1

PYTHON ?= python3
BIN := .venv/bin
RUN ?= demo
PROFILE ?= profiles/default
PICK := $(foreach key,sources tasks languages models seeds pretrain keep,$(if $($(key)),$(key)=$($(key))))
PICK += $(if $(MIRROR),mirror=$(abspath $(MIRROR)))
CONFIG = $(if $(strip $(PICK)),--config $(PICK))
LAYERS = $(if $(findstring -,$(1)),$(wildcard config/$(firstword $(subst -, ,$(1))).yaml)) config/$(1).yaml  # mini-gpu changes mini
ARGUMENTS = --workflow-profile $(PROFILE) $(if $(filter-out paper,$(1)),--configfile $(LAYERS)) $(CONFIG)
SNAKEMAKE = $(BIN)/snakemake $(ARGUMENTS)

.PHONY: demo demo-seeds demo-encoder mini mini-gpu small paper verify-baseline xtreme lock install plan table report test test-full test-slurm bench lint format schema conda unlock clean

demo demo-seeds: install
	@$(call run,$@)

# The encoder of the demo from raw text; copied to resources/encoders/demo by hand when it is better.
demo-encoder: install
	@$(call SNAKEMAKE,$@) --quiet host reason -- results/$@/models/$@/manifest.json

mini mini-gpu: install
	@test -n "$(MIRROR)" || { echo "error: say where the data are: make $@ MIRROR=FOLDER"; exit 2; }
	@$(call run,$@)

small: install
	-@$(call pin,$@)
	@$(call run,$@)

paper: install
	-@$(call pin,paper)
	@$(call run,$(if $(RECIPE),recipe-$(RECIPE),paper),$(if $(RECIPE),paper-$(RECIPE)))

# Pins what a run reads from the Hugging Face Hub, in config/lock.yaml; what is pinned stays as it is.
lock: RUN = paper
lock: install
	@$(call pin,$(RUN))

# Nothing is trained: the encoder as it is published, on retrieval, against its authors' numbers.
verify-baseline: install
	-@$(call pin,baseline)
	@$(call SNAKEMAKE,baseline) --quiet host reason -- score_bucc2018 score_tatoeba && \
	$(BIN)/xstilts verify-baseline results/baseline

# A new encoder on the benchmark, in a run of its own.
NAME = $(shell basename "$(ENCODER)" | tr 'A-Z_' 'a-z-')

xtreme: install
	@test -n "$(ENCODER)" || { echo "error: say which: make xtreme ENCODER=FOLDER-OR-HUB-ID"; exit 2; }
	-@$(call pin,xtreme)
	@$(call run,xtreme,xtreme-$(NAME))

xtreme: PICK += run=xtreme-$(NAME) models=$(NAME) 'encoders={$(NAME): {weights: "$(ENCODER)"}}'

pin = $(call SNAKEMAKE,$(1)) --quiet all -- lock

# The workflow, then (when a table is newer) the report, then the main table on the terminal.
define run
$(call SNAKEMAKE,$(1)) --quiet host reason && \
if [ results/$(or $(2),$(1))/report.html -nt results/$(or $(2),$(1))/tables/main.csv ]; then :; \
else $(call SNAKEMAKE,$(1)) --quiet all --report results/$(or $(2),$(1))/report.html; fi && \
$(BIN)/python workflow/scripts/print_main.py results/$(or $(2),$(1))
endef

install: .venv/installed

.venv/installed: envs/lock.txt pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r envs/lock.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

# What will run and why, and what it takes: make plan RUN=paper PROFILE=profiles/cuda; JOBS=1 lists every job and file.
plan: install
	@$(BIN)/xstilts plan $(if $(JOBS),--jobs) -- $(call ARGUMENTS,$(if $(RECIPE),recipe-$(RECIPE),$(RUN)))

# Tables from whatever is finished, the missing cells marked.
table: install
	@$(BIN)/python workflow/scripts/print_main.py results/$(RUN) --partial

test: install
	$(BIN)/python -m pytest -m "not slow" tests

test-full: install
	@test -z "$(CI)" || tests/slurm/start-slurm install   # in CI nothing is skipped
	$(BIN)/python -m pytest tests

# The workflow on a real SLURM, installed from Debian's packages and started on this machine alone.
test-slurm: install
	tests/slurm/start-slurm install
	$(BIN)/python -m pytest tests/slurm

# Speed and memory beside peers, into results/bench (docs/performance.md).
bench: install
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r envs/bench.txt
	$(BIN)/python -m benchmarks $(if $(MIRROR),--mirror $(abspath $(MIRROR)))

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow/rules
	$(BIN)/snakemake --lint --configfile config/demo.yaml --workflow-profile none
	$(BIN)/mypy

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile workflow/rules

schema: install
	$(BIN)/python -m pytest tests/unit/test_schema.py --fix

conda: install
	$(BIN)/python envs/conda.py

# The picture of the rules in README.md; needs graphviz. tred leaves out arrows that follow from others.
docs/images/rulegraph.svg: Snakefile $(wildcard workflow/rules/*.smk)
	$(BIN)/snakemake --configfile config/demo.yaml --config run=rulegraph pretrain=true --workflow-profile none \
	    --rulegraph | tred | dot -Tsvg -o $@
	rm -r results/rulegraph

# After a power loss or kill -9 of snakemake itself: it leaves its lock behind.
unlock: install
	@$(BIN)/snakemake --unlock --workflow-profile profiles/default --configfile config/demo.yaml

clean:
	rm -rf .venv .snakemake build
