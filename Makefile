# Every command that a person needs. Each makes its own environment first: .venv, from the
# hash-pinned requirements.lock.

PYTHON ?= python3
export PATH := $(CURDIR)/.venv/bin:$(PATH)

INSTALLED := .venv/.installed

.DEFAULT_GOAL := help
.PHONY: help setup demo reproduce studies test verify verify-quick faults bench lock
.PHONY: pixels meta

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(INSTALLED) ## the whole graph on bundled digits, in demo/; no download, under 3 minutes
	python -m pipeline.demo

reproduce: $(INSTALLED) ## dvc repro with params.yaml on MNIST; 12 minutes, or seconds if nothing changed
	python -m pipeline.params
	$(MAKE) --jobs 2 --no-print-directory pixels meta
	dvc repro

# DVC takes one stage at a time. Two branches of the graph that share no stage can run side by
# side: one computes while the other imports, reads or draws. One of them shows bars.
pixels: $(INSTALLED)
	dvc --wait-for-lock repro rollout inpaint
meta: $(INSTALLED)
	env TQDM_DISABLE=1 dvc --wait-for-lock repro compare_bayes probe_knowledge probe_offprior

studies: $(INSTALLED) ## seeds, recipes and sizes of question 3, an hour; then make reproduce
	python -m pipeline.params
	dvc repro studies/dvc.yaml
	python -m pipeline.studies

test: $(INSTALLED) ## lint, types and tests, 5 minutes
	ruff check .
	ruff format --check .
	mypy
	pytest --numprocesses 2 --dist loadfile

verify: $(INSTALLED) ## the committed graph run anew in a scratch folder, and compared; 15 minutes
	python -m pipeline.verify

verify-quick: $(INSTALLED) ## the same with the demo, 2 minutes
	python -m pipeline.verify --quick

faults: $(INSTALLED) ## crashes, signals, damage and bad input, tried one by one and counted; 25 minutes
	PYTHONPATH=. python tests/faults.py

bench: $(INSTALLED) ## speed beside stock Keras, PyTorch and JAX, which it installs; on MNIST; 15 minutes
	python -m pip freeze > .venv/locked.txt
	python -m pip install --quiet --disable-pip-version-check \
		-c .venv/locked.txt -r benchmarks/requirements.txt
	dvc repro binarise
	python -m benchmarks.speed
	python -m benchmarks.scaling

setup: $(INSTALLED) ## the environment alone

lock: ## pin requirements.in anew; needs uv
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate \
		--no-emit-index-url --upgrade --quiet requirements.in -o requirements.lock

$(INSTALLED): requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "error: $(PYTHON) is older than 3.11; say make PYTHON=python3.11 ..."; exit 1; }
	$(PYTHON) -m venv .venv
	python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@
