# make help lists the targets. Everything runs in $(VENV), which is made on first use.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
READY := $(VENV)/.ready
EXTRAS := emoji,sentence,adapters,html,dev
WORKERS ?= 2
PYTEST = OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal
CLASSIC := '*_xian2018' class_norm_skorokhodov2021 dem_zhang2017 'ridge_*'

export OMP_NUM_THREADS ?= $(shell nproc 2>/dev/null || echo 2)

BUDGET ?= 20s
EPOCHS ?= 10
HIDDEN ?= 256
SEEDS ?= $(if $(filter oracle,$(MAKECMDGOALS)),10,5)

.PHONY: help demo test test-all check lint type bench accelerator robustness oracle notebooks docs reproduce clean
.DEFAULT_GOAL := help

help:  ## what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(READY): setup.cfg pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[$(EXTRAS)]'
	touch $@

demo: $(READY)  ## real drawings, several methods and class embeddings, one table (runs/demo)
	$(BIN)/zsl data prepare emoji
	$(BIN)/zsl train -m data=emoji method=eszsl,ridge,conse class_embedding=glove,minilm_keywords \
	    selection=validation paths.output=runs/demo    # closed forms: the same with every seed
	$(BIN)/zsl train -m data=emoji method=ale class_embedding=glove,minilm_keywords 'seed=range(3)' \
	    selection=validation paths.output=runs/demo
	$(BIN)/zsl report runs/demo

test: $(READY)  ## the tests of every change: minutes; with ZSL_DATA_ROOT also those of real data
	$(PYTEST) -m 'not slow'

test-all: $(READY)  ## all tests: also whole processes killed and resumed, notebooks, wheel, browser, W&B, real training
	$(PYTEST) --durations=40 $(if $(ONLY),-m '$(ONLY)')

check: lint type test  ## ruff, mypy --strict, the tests of every change

notebooks: $(READY)  ## execute all notebooks in place
	$(BIN)/zsl data prepare emoji
	$(BIN)/python -m tests.notebooks

$(VENV)/.docs: $(READY)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[docs]'
	touch $@

docs: $(VENV)/.docs  ## the pages of docs/ and an API reference as a site: build/docs/index.html
	$(BIN)/python -m sphinx -b html -W --keep-going -q docs build/docs

reproduce: $(READY)  ## the experiments that run on a processor, over five seeds: experiments/REPRODUCTION.md
	$(BIN)/zsl data prepare emoji
	$(BIN)/zsl reproduce $(CLASSIC) data=cub_fc1000,awa1_handcrafted,emoji --output runs/reproduction/classic.csv
	$(BIN)/zsl reproduce '*_lampert2014' data=awa1_handcrafted --output runs/reproduction/lampert2014.csv
	$(BIN)/zsl reproduce cada_vae_fc1000 fclswgan_emoji --output runs/reproduction/generators.csv
	$(BIN)/zsl report runs/reproduction --published --output experiments/REPRODUCTION.md
	$(BIN)/python -m tests.documents

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

type: $(READY)
	$(BIN)/mypy

bench: $(READY)  ## timings, side by side, as a table and as JSON (bench.json)
	$(BIN)/python -m tests.benchmarks

accelerator: $(READY)  ## on a machine with a GPU: its tests, then its benchmarks with the name of the device (accelerator.json)
	$(BIN)/python -m pytest -q -m gpu
	$(BIN)/python -m tests.benchmarks accelerator.json accelerator generators adversarial

robustness: $(READY)  ## every generator with its defaults on data that it was not made for, beside ESZSL: docs/robustness.md
	$(BIN)/zsl data prepare emoji
	$(BIN)/python -m tests.benchmarks.defaults robustness --budget $(BUDGET) --seeds $(SEEDS)

oracle: $(READY)  ## what choosing on the test set would print for every generator: docs/oracle_gap.md
	$(BIN)/python -m tests.benchmarks.defaults oracle --epochs $(EPOCHS) --hidden $(HIDDEN) --seeds $(SEEDS)

clean:  ## forget the environment and everything built (results in runs/ stay)
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
