# make demo and make test do all the set-up on a fresh clone; a second call finds it done.

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

# Version managers leave commands that only print an error, so each candidate has to run.
PYTHON ?= $(firstword $(foreach name,python3.13 python3.12 python3.11 python3,$(shell \
	$(name) -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && command -v $(name))))

.PHONY: help demo test lint docs pictures studio kill-matrix clean

help:  ## Show what there is
	@sed -n 's/^\([a-z-]*\):.*## /make \1	/p' Makefile

demo: $(STAMP)  ## Run metaTextGrad end to end on simulated models
	@$(BIN)/metatextgrad demo $(ARGS)

# A worker takes whole files, so that what a file sets up is set up once. They come by name: by their number of tests, the
# few long ones of the command line would come last.
test: $(STAMP)  ## Run the tests; ARGS='-k word' chooses
	$(BIN)/python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

lint: $(STAMP)  ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python

docs: $(STAMP)  ## Build the documentation as a site that opens offline, in site/
	@$(BIN)/sphinx-build -W --keep-going -n -q -d site/.doctrees docs site $(ARGS)
	@echo "Open site/index.html"

pictures: $(STAMP)  ## Draw the graphs anew for the documentation, after a change of one; needs Graphviz
	$(BIN)/python docs/pictures/draw.py

studio: $(STAMP)  ## Serve the graphs for LangGraph Studio
	$(BIN)/langgraph dev $(ARGS)

kill-matrix: $(STAMP)  ## Kill a run at every call and resume it; the table goes to docs/kill-matrix.md
	$(BIN)/python -m tests.kill_matrix --output docs/kill-matrix.md $(ARGS)

clean:  ## Remove what was built, not the environment
	rm -rf build dist site *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage .langgraph_api
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +

$(STAMP): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "No Python 3.11 or newer was found; install one, or name it: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(BIN)/python -c '' 2>/dev/null || { echo "Making $(VENV) with $(PYTHON)" >&2; $(PYTHON) -m venv --clear $(VENV); }
	@echo "Installing into $(VENV); this takes a minute or two" >&2
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@
