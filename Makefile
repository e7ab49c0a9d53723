# The ResNet course. `make help` lists what can be done.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.installed
PAGE := _build/html/index.html
PYTEST := OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses 2 --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help book test quick serve notebooks values bank salts lint gradescope bench bench-training margins clean

help:  ## list these commands
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 24

book: $(READY)  ## run every chapter and build the book
	@$(BIN)/jupyter-book build . -W --keep-going -n
	@echo "The book is ready: open $(CURDIR)/$(PAGE)"

test: lint book  ## everything: lint, types, unit tests, the built book
	$(PYTEST)

quick: lint  ## what needs no build, in under three minutes
	$(PYTEST) -m "not book and not builds and not slow"

serve: book  ## show the built book at http://localhost:8000
	$(BIN)/python -m http.server --bind localhost --directory _build/html 8000

notebooks: $(READY)  ## write notebooks/ from chapters/ and exercises/, to be committed
	@$(BIN)/python _ext/notebooks.py

values: $(READY)  ## write reference/values.json, the numbers in the notebooks' text, from the last build
	@$(BIN)/python _ext/values.py

salts: $(READY)  ## the verdicts of all checks under twelve fillings of the weights, where make test tries two
	SALTS=12 $(PYTEST) tests/labutils/checks/test_banks.py -k salt

mutants: $(READY)  ## every mutant of every exercise, where make test tries sixteen of each
	MUTANTS=1000 $(PYTEST) tests/labutils/checks/test_mutants.py -k each_mutant

bank: $(READY)  ## write what the checks' banks show: misconceptions, hints and the kill table
	@$(BIN)/python -m banks.write

lint: $(READY)  ## style, types, and code that nothing uses
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/vulture
	$(BIN)/pyright

gradescope: $(READY)  ## write the autograder of a sheet: make gradescope SHEET=01-residual-block
	$(BIN)/python -m labutils gradescope autograder-$(SHEET).zip --sheet "$(SHEET)"

bench: $(READY)  ## speed against torchvision, a plain training loop and nbclient, side by side
	$(BIN)/python experiments/bench.py
	$(BIN)/python experiments/bench_grading.py

bench-training: $(READY)  ## images a second at full size, against the usual way to train on CIFAR-10
	$(BIN)/python -m experiments.bench_training

margins: $(READY)  ## re-run the chapters' claims over ten seeds, at one thread and at two
	$(BIN)/python experiments/margins.py

clean:  ## remove the built book and its execution cache
	rm -rf _build

$(READY): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	{ echo "This needs Python 3.11 or newer as $(PYTHON): install it, or name one with make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --requirement requirements.txt --editable .
	@touch $@
