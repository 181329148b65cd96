# Every command that a person needs. Each makes its own environment first: .venv, from the
# hash-pinned requirements.lock. PYTHON=python3.12 asks for that version; tools/install.sh finds
# one otherwise.

export PATH := $(CURDIR)/.venv/bin:$(PATH)

# Where the graph runs.
FOLDER := .

.DEFAULT_GOAL := help
.PHONY: help setup demo reproduce studies test verify verify-quick faults bench lock
.PHONY: pixels meta packages packages-of-demo

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: packages-of-demo ## the whole graph on bundled digits, in demo/; no data to download; 3 minutes
	python -m pipeline.demo
	$(MAKE) --jobs 2 --no-print-directory FOLDER=demo pixels meta
	cd demo && dvc repro
	@echo && echo "The report is demo/reports/report.html"

reproduce: packages ## dvc repro with params.yaml on MNIST; 12 minutes, or seconds if nothing changed
	python -m pipeline.params
	$(MAKE) --jobs 2 --no-print-directory pixels meta
	dvc repro

# DVC takes one stage at a time. Two branches of the graph that share no stage can run side by
# side: one computes while the other imports, reads or draws. One of them shows bars.
pixels:
	cd $(FOLDER) && dvc --wait-for-lock repro rollout inpaint
meta:
	cd $(FOLDER) && env TQDM_DISABLE=1 dvc --wait-for-lock repro compare_bayes probe_knowledge probe_offprior

studies: packages ## seeds, recipes and sizes of question 3, an hour; then make reproduce
	python -m pipeline.params
	dvc repro studies/dvc.yaml
	python -m pipeline.studies

test: packages ## lint, types and tests, 5 minutes
	ruff check .
	ruff format --check .
	mypy
	pytest --numprocesses 2 --dist loadfile

verify: packages ## the committed graph run again in a scratch folder, and compared; 15 minutes
	python -m pipeline.verify

verify-quick: packages ## the same with the demo, 3 minutes
	python -m pipeline.verify --quick

faults: packages ## crashes, signals, damage and bad input, tried one by one and counted; 25 minutes
	PYTHONPATH=. python tests/faults.py

bench: packages ## speed beside stock Keras, PyTorch and JAX, which it installs; on MNIST; 15 minutes
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

packages:
	@sh tools/install.sh all
packages-of-demo:
	@sh tools/install.sh demo
