# Short lines around snakemake, which a user can call too: `make help` says which there are.

# Large blocks of memory on huge pages (of the GNU C library): a small gain for what is trained on a CPU.
export GLIBC_TUNABLES ?= glibc.malloc.hugetlb=1

# Snakemake keeps a cache below the home folder, which some machines have read-only or not at all.
ifeq ($(shell test -w "$$HOME" && echo writable),)
export XDG_CACHE_HOME ?= $(CURDIR)/.snakemake/cache
endif

PYTHON ?= python3
BIN := .venv/bin
PIP := python -m pip install --quiet --disable-pip-version-check
RUN ?= demo
PROFILE ?= profiles/default
quoted = '$(subst ','\'',$(1))'
PICK := $(foreach key,sources tasks languages models seeds pretrain keep,$(if $($(key)),$(call quoted,$(key)=$($(key)))))
PICK += $(if $(BENCHMARK),benchmark=$(BENCHMARK))
PICK += $(if $(RETRIEVAL),"retrieval={$$RETRIEVAL}")
# A study is computed beside the run's rows, and what is equal to one of them is not computed twice.
CHOSEN := $(strip $(foreach key,NAME STUDY,$(if $(filter command line,$(origin $(key))),$($(key)))))
PICK += $(if $(CHOSEN),study=$(firstword $(CHOSEN)))
PICK += $(if $(MIRROR),mirror="$$(realpath -m -- "$$(printf %s "$$MIRROR" | sed "s|^~/|$$HOME/|")")")
# A folder may hold cuts of the data sets: make laptop takes what is there.
PICK += $(if $(and $(MIRROR),$(filter laptop laptop-%,$(RUN) $(MAKECMDGOALS))),"data={origin: mirror}")
OWN :=
CONFIG = $(if $(strip $(PICK) $(OWN)),--config $(PICK) $(OWN))
OVERLAY = config/$(if $(filter recipes/%,$(1)),,runs/)$(1).yaml
ARGUMENTS = --workflow-profile $(PROFILE) $(if $(filter-out paper,$(1)),--configfile $(OVERLAY)) $(CONFIG)
SNAKEMAKE = $(BIN)/snakemake $(ARGUMENTS)

# Words that nobody reads are refused before anything is installed or planned.
READ := NAME STUDY sources tasks languages models seeds pretrain keep MIRROR ENCODER BENCHMARK RETRIEVAL RECIPE RUN PROFILE PYTHON JOBS CI BIN GLIBC_TUNABLES
meant = $(shell $(PYTHON) -c 'import difflib, sys; print(*difflib.get_close_matches(sys.argv[1], sys.argv[2:], 1, 0.5))' '$(1)' $(2))
refuse = $(error error: $(1): found nothing of that name$(addprefix ; did you mean ,$(addsuffix ?,$(call meant,$(2),$(3)))); known: $(3))
$(foreach word,$(.VARIABLES),$(if $(filter command line,$(origin $(word))),\
    $(if $(filter $(READ),$(word)),,$(call refuse,$(word)=,$(word),$(READ)))))
RECIPES := $(notdir $(basename $(wildcard config/recipes/*.yaml)))
RUNS := paper $(notdir $(basename $(wildcard config/runs/*.yaml)))
STUDIES := $(notdir $(basename $(wildcard config/studies/*.yaml)))
$(foreach name,$(CHOSEN),$(if $(filter $(STUDIES),$(name)),,$(call refuse,study $(name),$(name),$(STUDIES))))
PROFILES := $(patsubst %/config.yaml,%,$(wildcard profiles/*/config.yaml))
$(if $(RECIPE),$(if $(filter $(RECIPES),$(RECIPE)),,$(call refuse,RECIPE=$(RECIPE),$(RECIPE),$(RECIPES))))
# Another benchmark in a run of its own: make demo BENCHMARK=xtreme_r has results/demo-xtreme_r, and an overlay of that name
# where there is one.
BENCHMARKS := xtreme xtreme_r
OTHER := $(filter-out xtreme,$(BENCHMARK))
$(if $(BENCHMARK),$(if $(filter $(BENCHMARKS),$(BENCHMARK)),,$(call refuse,BENCHMARK=$(BENCHMARK),$(BENCHMARK),$(BENCHMARKS))))
$(if $(OTHER),$(if $(filter-out demo demo-seeds xtreme plan install,$(MAKECMDGOALS)),\
    $(error error: BENCHMARK is read by make demo, demo-seeds, xtreme and plan; the sources of the paper on XTREME-R: make xtreme-r)))
$(if $(filter $(RUNS),$(RUN))$(wildcard results/$(RUN)/specs),,$(call refuse,RUN=$(RUN),$(RUN),$(RUNS)))
$(if $(wildcard $(PROFILE)/config.yaml),,$(call refuse,PROFILE=$(PROFILE),$(PROFILE),$(PROFILES)))
# A word that a command does not read would give another run than was meant.
only = $(if $(filter command line,$(origin $(1))),$(if $(filter-out install $(2),$(MAKECMDGOALS)),\
    $(error error: $(1) is read by make $(subst $(space),$(comma) ,$(strip $(filter-out %-rows,$(2))))$(3))))
comma := ,
space := $(comma:,=) $(comma:,=)
$(call only,ENCODER,xtreme study plan laptop laptop-rows laptop-seeds laptop-r,; a run of another encoder: docs/howto/add-a-model.md)
$(call only,RECIPE,paper plan,; other settings of another run: docs/howto/other-recipe.md)
$(call only,RUN,run study plan table lock,)
$(call only,JOBS,plan,; how many jobs run at once a profile says: docs/howto/gpus.md)
# The table shows all that a run has.
$(foreach word,sources tasks languages models seeds,$(if $(filter table,$(MAKECMDGOALS)),$(if $(filter command line,$(origin $(word))),\
    $(error error: $(word) is not read by make table, which shows all that RUN has))))

.DEFAULT_GOAL := help
.PHONY: help demo demo-seeds demo-encoder laptop laptop-seeds small paper run verify-baseline verify-small xtreme xtreme-r lock install plan table test test-full test-slurm bench gpu-check site lint format schema documents conda clean

own_layer = $(if $(wildcard config/runs/$(1)-$(OTHER).yaml),$(1)-$(OTHER),$(1))
demo demo-seeds: OWN = $(if $(OTHER),run=$@-$(OTHER))
define HELP
make demo               the whole experiment on generated languages, on a CPU, in minutes
make demo-seeds         the same with five seeds
make laptop MIRROR=DIR  the same on real data with a small encoder, in a night
make laptop-rows        its first part alone: every row with one seed; sources=none tasks=xnli a piece of it
make laptop-seeds       its second: three seeds of a few sources
make laptop-r           its third: what XTREME-R adds
make small              XLM-R Base, one seed, one GPU
make paper              the paper's whole table; RECIPE=jiant, xtreme or throughput for other settings
make xtreme ENCODER=..  an encoder of your own on XTREME: a folder or a name on the Hub; BENCHMARK=xtreme_r for
                        XTREME-R, RETRIEVAL='layer: last, prefix: "query: "' for its own sentence vectors
make xtreme-r           the ten tasks of XTREME-R
make study NAME=..      one question with its arms beside a run: NAME of config/studies; RUN=demo, laptop-studies, small, paper
make run RUN=NAME       an overlay of your own: config/runs/NAME.yaml, with the line `run: NAME` in it
make verify-baseline    XLM-R Large untrained against its authors' numbers
make verify-small       a small encoder trained, against its authors' scores
make demo-encoder       the demo's encoder from raw text

make plan RUN=..        what a run will do and why, and what it takes; JOBS=1 lists every job
make table RUN=..       the main table of a half-finished run
make lock RUN=..        pin what a run reads from the Hugging Face Hub, with STUDY=NAME a study too
make install            .venv with every package at one version; the commands above call it

make test, test-full, test-slurm, lint, format, schema, conda, bench, gpu-check, site, documents, clean: CONTRIBUTING.md

A part of a run:        sources=none,mnli tasks=xnli,tatoeba languages=en,de models=.. seeds=1,2
Where and with what:    MIRROR=DIR (real data)  PROFILE=profiles/cuda  PYTHON=python3.12
What stays on the disk: keep=all, sources or pretrained (weights)
Encoders made here:     pretrain=true makes anew what is kept
endef

help:
	@: $(info $(HELP))

demo demo-seeds: install
	@$(call run,$(call own_layer,$@),$@$(addprefix -,$(OTHER)))

# The encoder of the demo from raw text; copied to resources/encoders/demo by hand when it is better.
demo-encoder: install
	@$(call SNAKEMAKE,$@) --logger xstilts -- results/$@/models/$@/manifest.json

# Three runs, one after the other: all rows with one seed, three seeds of three of them, then what XTREME-R adds. First
# how long they take.
laptop: install
	@for run in laptop laptop-seeds laptop-r; do $(MAKE) -s plan RUN=$$run | grep -E '^(run|estimate)' || :; done
	@$(MAKE) -s laptop-rows
	@$(MAKE) -s laptop-seeds
	@$(MAKE) -s laptop-r

.PHONY: laptop-rows laptop-r
laptop-rows: install
	@$(call pin,laptop) || :
	@$(call run,laptop,laptop$(if $(ENCODER),-$(call naming,--name)))

laptop-seeds laptop-r: install
	@$(call pin,$@) || :
	@$(call run,$@,$@$(if $(ENCODER),-$(call naming,--name)))

laptop laptop-seeds laptop-r: OWN = $(if $(ENCODER),$(call naming,$@))
laptop-rows: OWN = $(if $(ENCODER),$(call naming,laptop))

small: install
	@$(call pin,$@) || :
	@$(call run,$@)

paper: install
	@$(call pin,paper) || :
	@$(call run,$(if $(RECIPE),recipes/$(RECIPE),paper),$(if $(RECIPE),paper-$(RECIPE)))

# Without its own name an overlay of the user's own would take the place of the run that it changes.
NAMED = $(if $(filter-out paper,$(RUN)),PYTHONPATH=src $(BIN)/python -m xstilts.config.layers $(RUN),:)

# An overlay of the user's own.
run: install
	@$(if $(filter command line,$(origin RUN)),:,echo "error: say which: make run RUN=NAME, of config/runs/NAME.yaml"; exit 2)
	@$(NAMED)
	@$(call pin,$(RUN)) || :
	@$(call run,$(RUN))

# Pins what a run reads from the Hugging Face Hub, with STUDY=NAME what a study reads too, in config/lock.yaml; what is
# pinned stays as it is.
lock: RUN = paper
lock: install
	@$(call pin,$(RUN))

# Nothing is trained: the encoder as it is published, on retrieval, against its authors' numbers.
verify-baseline: install
	@$(call pin,baseline) || :
	@$(call SNAKEMAKE,baseline) --logger xstilts -- score_bucc2018 score_tatoeba && \
	$(BIN)/xstilts verify-baseline results/baseline

# One question, answered beside a run: make study NAME=robustness RUN=demo. The run's page shows it after make demo STUDY=robustness.
.PHONY: study
study: install
	@$(if $(CHOSEN),:,echo "error: say which: make study NAME=$(firstword $(STUDIES)); known: $(STUDIES)"; exit 2)
	@$(NAMED)
	@$(call pin,$(RUN)) || :
	@$(call SNAKEMAKE,$(RUN)) --logger xstilts -- studied && \
	sed -n '1,/^## Arms/p' results/$(RUN)$(if $(ENCODER),-$(call naming,--name))/studies/$(firstword $(CHOSEN))/verdict.md

study: OWN = $(if $(ENCODER),$(call naming,$(RUN)))

# A small encoder trained as its authors trained it, against their zero-shot scores. Its weights are pickled: a person
# converts them, once.
SMALL := encoders/mminilmv2-l12
verify-small: install
	@test -d $(SMALL) || { echo "error: $(SMALL) is not there; convert the encoder first: $(BIN)/xstilts convert" \
	    "nreimers/mMiniLMv2-L12-H384-distilled-from-XLMR-Large $(SMALL)"; exit 2; }
	@$(call pin,$@) || :
	@$(call SNAKEMAKE,$@) --logger xstilts -- score_xnli score_mlqa && $(BIN)/xstilts verify-small results/$@

# A new encoder on the benchmark, in a run of its own: the name says which one, and where it lies.
naming = $(shell PYTHONPATH=src $(BIN)/python -m xstilts.config.naming $(1) '$(subst ','\'',$(ENCODER))')

xtreme: install
	@$(if $(ENCODER),:,echo "error: say which: make xtreme ENCODER=FOLDER-OR-HUB-ID"; exit 2)
	@$(call pin,xtreme) || :
	@$(call run,xtreme,$(or $(OTHER),xtreme)-$(call naming,--name))

xtreme: OWN = $(call naming,$(or $(OTHER),xtreme))

# Every source of the paper on XTREME-R.
xtreme-r: install
	@$(call pin,xtreme_r) || :
	@$(call run,xtreme_r)

pin = $(call SNAKEMAKE,$(1)) --quiet all -- lock

# The workflow with its page, then (when a table is newer) Snakemake's own report, then the main table on the terminal.
define run
$(call SNAKEMAKE,$(1)) --logger xstilts && \
if [ results/$(or $(2),$(1))/provenance.html -nt results/$(or $(2),$(1))/tables/scores.csv ]; then :; \
else $(call SNAKEMAKE,$(1)) --quiet all --report results/$(or $(2),$(1))/provenance.html; fi && \
PYTHONPATH=src $(BIN)/python workflow/scripts/print_main.py results/$(or $(2),$(1))
endef

install: .venv/installed

# A .venv of another Python than PYTHON names, or of a checkout that was moved or copied, is made anew.
ifneq ($(filter command line environment,$(origin PYTHON)),)
STALE := $(shell test ! -e .venv || $(BIN)/python -c 'import sys; print(sys.version_info[:2])' 2>&1 | grep -qxF "$$($(PYTHON) -c 'import sys; print(sys.version_info[:2])' 2>&1)" || echo stale)
endif
STALE += $(shell test ! -e $(BIN)/pip || grep -qF "$$(pwd -P)/.venv" $(BIN)/pip || echo stale)

# Jobs that have not begun import from .venv too: it stays as it is while a run goes on here, which holds this lock.
ALONE = test ! -e .snakemake/alive || \
	$(PYTHON) -c 'import fcntl; fcntl.flock(open(".snakemake/alive", "r+"), fcntl.LOCK_EX | fcntl.LOCK_NB)' 2>/dev/null || \
	{ echo "error: .venv would change, and a run goes on here whose jobs import from it; wait for its end, or stop it"; exit 2; }

PARTS := envs/lock.txt envs/cpu.txt envs/cuda.txt envs/link.py
.venv/installed: $(PARTS) $(filter stale,$(firstword $(STALE)))

.PHONY: stale
ifndef INSTALLING
stale: ;

# Of two that begin at once in a new clone one installs, and the other one waits for it and looks again.
.venv/installed:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
	{ echo "error: $(PYTHON) is $$($(PYTHON) --version 2>&1); expected Python 3.11, 3.12 or 3.13: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	@$(PYTHON) envs/turn.py $(MAKE) --no-print-directory install
else
stale:
	@$(ALONE)
	@echo "making .venv anew: it is of another Python or of another place"
	@rm -rf .venv

.venv/installed:
	@$(ALONE)
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/$(PIP) --require-hashes --no-deps -r envs/cpu.txt 2>/dev/null || true  # a build without CUDA, where pip is offered one
	$(BIN)/$(PIP) --require-hashes --no-deps -r envs/lock.txt
	@! $(BIN)/python -m pip check --disable-pip-version-check | grep -q '^torch ' || \
	$(BIN)/$(PIP) --require-hashes --no-deps -r envs/cuda.txt
	@$(BIN)/python envs/link.py
	@touch $@
endif

# What will run and why, and what it takes: make plan RUN=paper PROFILE=profiles/cuda; JOBS=1 lists every job and file.
plan: OWN = $(if $(ENCODER),$(call naming,$(or $(OTHER),$(RUN))),$(if $(OTHER),run=$(RUN)-$(OTHER)))
plan: install
	@$(BIN)/xstilts plan $(if $(JOBS),--jobs) -- $(if $(CHOSEN),studied) $(call ARGUMENTS,$(if $(RECIPE),recipes/$(RECIPE),$(call own_layer,$(RUN))))

# Tables from whatever is finished, the missing cells marked.
table: install
	@PYTHONPATH=src $(BIN)/python workflow/scripts/print_main.py results/$(RUN) --partial

# A file of tests goes to one process; the cluster of tests/slurm is one machine's, and stays alone: its incidents are timed.
SIDE_BY_SIDE := -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

test: install
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) -m "not slow" tests

test-full: install
	@test -z "$(CI)" || tests/slurm/start-slurm install   # in CI nothing is skipped
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) --ignore tests/slurm tests; \
	beside=$$?; $(BIN)/python -m pytest tests/slurm && exit $$beside

# The workflow on a real SLURM, installed from Debian's packages and started on this machine alone.
test-slurm: install
	tests/slurm/start-slurm install
	$(BIN)/python -m pytest tests/slurm

# What only a GPU decides: kernels, waits, speed and memory of steps, in eight minutes at most (docs/performance.md).
gpu-check: install
	$(BIN)/python -m benchmarks.gpu

# Speed and memory beside peers, into results/bench (docs/performance.md).
bench: install
	$(BIN)/$(PIP) --require-hashes --no-deps -r envs/bench.txt
	$(BIN)/python -m benchmarks $(if $(MIRROR),--mirror "$$MIRROR")

# The documentation as a site of files, every link of it checked: build/site/index.html.
site: install
	@$(BIN)/$(PIP) --require-hashes --no-deps -r envs/docs.txt
	@$(BIN)/python docs/site.py build/site && echo "build/site/index.html"

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow/rules
	$(BIN)/snakemake --lint --configfile config/runs/demo.yaml --workflow-profile none
	$(BIN)/mypy

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile workflow/rules

schema: install
	$(BIN)/python -m pytest tests/unit/config/test_schema.py --fix

# The tables of README.md and docs/demo.md from the runs that they show, which are run where they are not finished.
documents: demo demo-seeds
	@$(MAKE) -s demo BENCHMARK=xtreme_r
	$(BIN)/python docs/documents.py

conda: install
	$(BIN)/python envs/conda.py

# The picture of the rules in docs/operations.md; needs graphviz. tred leaves out arrows that follow from others.
docs/images/rulegraph.svg: Snakefile $(wildcard workflow/rules/*.smk)
	$(BIN)/snakemake --configfile config/runs/demo.yaml --config run=rulegraph pretrain=true --workflow-profile none \
	    --rulegraph | tred | dot -Tsvg -o $@
	rm -r results/rulegraph

clean:
	rm -rf .venv .snakemake build
