# Every command that a person needs. Each makes its own environment first: .venv, from the
# hash-pinned requirements.lock. PYTHON=python3.12 asks for that version; tools/install.sh finds
# one otherwise.

export PATH := $(CURDIR)/.venv/bin:$(PATH)

.DEFAULT_GOAL := help
.PHONY: help setup demo reproduce studies test verify verify-quick faults bench lock
.PHONY: graph branch-pixels branch-continue branch-fill branch-meta packages packages-of-demo

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: packages-of-demo ## the whole graph on bundled digits, in demo/; no data to download; 4 minutes
	@python -m pipeline demo
	@$(MAKE) --no-print-directory graph FOLDER=demo

reproduce: packages ## dvc repro with params.yaml on MNIST; 20 minutes, or seconds if nothing changed
	@python -m pipeline check
	@if dvc status --quiet dvc.yaml; then python -m pipeline headline; \
	else $(MAKE) --no-print-directory graph; fi

studies: packages ## seeds, recipes and sizes of question 3, an hour; then make reproduce
	python -m pipeline check
	dvc repro studies/dvc.yaml
	python -m pipeline studies

test: packages ## lint, types, layers and tests, 10 minutes
	ruff check .
	ruff format --check .
	mypy
	lint-imports
	pytest --numprocesses 3 --dist loadfile

verify: packages ## run the committed graph again in a scratch folder, and compare; 30 minutes
	python -m pipeline verify

verify-quick: packages ## the same with the demo, 4 minutes
	python -m pipeline verify --quick

faults: packages ## crashes, signals, damage and bad input, tried one by one and counted; 25 minutes
	python -m faults

bench: packages ## speed compared with stock Keras, PyTorch and JAX, which it installs; 15 minutes
	python -m ensurepip > /dev/null
	python -m pip freeze > .venv/locked.txt
	python -m pip install --quiet --disable-pip-version-check \
		-c .venv/locked.txt -r benchmarks/requirements.txt
	dvc repro binarise
	python -m benchmarks.speed
	python -m benchmarks.scaling

setup: packages ## the environment alone

lock: packages ## pin what pyproject.toml names; UPGRADE=1 takes the newest versions
	python -m tools.lock $(if $(UPGRADE),--upgrade)

# The graph in FOLDER, with the environment as it is. DVC takes one stage at a time, but branches
# of the graph that share no stage can run side by side, two at a time: one computes while the
# other imports, reads or draws. They name each stage (-s), because DVC would lock those before.
FOLDER := .
graph:
	@$(REPRO) check || $(STOPPED)
	@$(MAKE) --jobs 2 --no-print-directory branch-pixels branch-meta || $(STOPPED)
	@$(REPRO) || $(STOPPED)
	@python -m pipeline headline $(FOLDER)
branch-pixels:
	@$(REPRO) -s binarise train_pixels
	@$(MAKE) --no-print-directory branch-continue branch-fill # jobs of the one above
branch-continue:
	@$(REPRO) -s context rollout
branch-fill:
	@$(REPRO) -s inpaint
branch-meta:
	@$(REPRO) -s train_meta compare_bayes probe_knowledge probe_shifted free_run alpha
# Stages say how far they are; DVC would say four lines more about each.
REPRO = cd $(FOLDER) && dvc --wait-for-lock repro --quiet
STOPPED = { echo "error: stopped; 'dvc repro' in the folder '$(FOLDER)' says more" >&2; exit 1; }

packages:
	@sh tools/install.sh all
packages-of-demo:
	@sh tools/install.sh demo
