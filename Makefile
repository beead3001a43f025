# `make help` lists what can be made. Programs that are built land in a cache outside the checkout
# (tools/README.md); everything of Python's lands in .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# What pytest has by itself (pyproject.toml), for programs that share code with the tests.
WITH_TOOLS := PYTHONPATH=tools:tools/image
SOURCES := avp_py tests tools examples benchmarks

.DEFAULT_GOAL := help
.PHONY: help demo unit test compat peers e2e up down bench bench-charts scale image image-test sbom soak format lint language types \
	check tools docs requirements clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(READY): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or later is required: make PYTHON=/path/to/python3.11 ..."; exit 1; }
	@echo "virtual environment: installing into $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--require-hashes -r requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--no-deps --no-build-isolation --editable .
	@touch $@

demo: $(READY) ## render examples/web with secrets from a file, and show what changed
	@$(BIN)/python tools/build.py kustomize helm4 >/dev/null
	@$(BIN)/python examples/demo.py

tools: $(READY) ## build the real programs that the tests run, once
	@$(BIN)/python tools/build.py

unit: $(READY) ## unit and golden tests but the slow ones: a minute, and no Go programs
	@$(BIN)/python -m pytest -n auto --dist worksteal -m "not slow" -q \
		tests/unit tests/golden $(PYTEST_ARGS)

# Coverage is measured in the tests that it does not slow down much (tests/conftest.py).
test: tools ## unit, golden and integration tests, on the real programs of tools/; coverage
ifdef PYTEST_ARGS
	@$(BIN)/python -m pytest -n 2 --dist worksteal $(PYTEST_ARGS)
else
	@$(BIN)/python -m pytest -n 2 --dist worksteal -m "not no_cover" --cov --cov-report=term:skip-covered
	@$(BIN)/python -m pytest -n 2 --dist worksteal -m no_cover
endif

compat: $(READY) ## the real argocd-vault-plugin on the same input (COMPAT_CASES=2000 SEED=any)
	@$(BIN)/python tools/build.py argocd-vault-plugin reader vault >/dev/null
	@$(BIN)/python -m pytest tests/compat $(PYTEST_ARGS)

peers: $(READY) ## what argocd-vault-plugin, kustomize and Argo CD ask of themselves
	@$(BIN)/python tools/build.py argocd-vault-plugin reader vault kustomize helm4 helm argocd >/dev/null
	@$(BIN)/python -m pytest -n 2 --dist worksteal tests/peers $(PYTEST_ARGS)

e2e: $(READY) ## the whole way from a git push to a Secret, with the real Argo CD (tests/e2e)
	@$(BIN)/python tools/build.py >/dev/null
	@$(BIN)/python -m pytest -n 2 tests/e2e $(PYTEST_ARGS)

up: $(READY) ## leave that ecosystem running, for you to try (docs/ecosystem.md; MODE=plain)
	@$(WITH_TOOLS) $(BIN)/python -m tests.e2e.up start $(MODE)

down: $(READY) ## end what `make up` has started
	@$(WITH_TOOLS) $(BIN)/python -m tests.e2e.up stop

bench: $(READY) ## measure against argocd-vault-plugin (ROUNDS=5 ONLY=text; docs/performance.md)
	@$(BIN)/python -m benchmarks $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(ONLY),--only '$(ONLY)')

bench-charts: $(READY) ## what fetching costs, against kustomize and helm alone (ROUNDS=5 ONLY=text WRITE=1)
	@$(BIN)/python -m benchmarks.charts $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(ONLY),--only '$(ONLY)') \
		$(if $(HELM),--helm $(HELM)) $(if $(WRITE),--write)

scale: $(READY) ## measure below the real Argo CD (ROUNDS=5 N=20; docs/performance.md)
	@$(WITH_TOOLS) $(BIN)/python -m benchmarks.scale $(if $(ROUNDS),--rounds $(ROUNDS)) \
		$(if $(N),--applications $(N))

image: $(READY) ## build the image, print its size (docs/image.md; IMAGE=name:tag HELM=3)
	@$(BIN)/python tools/image build

image-test: $(READY) ## the image under a Docker engine, which is started where none runs
	@$(BIN)/python tools/image run $(BIN)/python -m pytest tests/image $(PYTEST_ARGS)

soak: $(READY) ## 5,000 requests through one core: does anything grow? (four minutes; REQUESTS=5000)
	@$(BIN)/python benchmarks/soak.py $(REQUESTS)

faults: tools ## 2,000 requests while workers, keepers and clients are killed (REQUESTS=2000)
	@FAULT_REQUESTS=$(or $(REQUESTS),2000) $(BIN)/python -m pytest -s \
		tests/integration/test_serve_faults.py -k random_kills

sbom: $(READY) ## list what is in the image: dist/avp-py.cdx.json (CycloneDX)
	@$(BIN)/python tools/image sbom dist/avp-py.cdx.json

format: $(READY) ## write the code in the style that `make lint` expects
	@$(BIN)/ruff check --fix-only --quiet $(SOURCES)
	@$(BIN)/ruff format --quiet $(SOURCES)

lint: $(READY) language ## style, the import contract, spelling and phrases to avoid
	@$(BIN)/ruff check $(SOURCES)
	@$(BIN)/ruff format --check $(SOURCES)
	@$(BIN)/lint-imports --no-cache

language: $(READY)
	@$(BIN)/codespell --ignore-words=tools/words.txt \
		--skip='*.sum,tests/golden/cases,tests/unit/data,tools/oracle/cases.json' \
		$(SOURCES) charts deploy docs *.md Makefile Dockerfile
	@$(BIN)/python tools/language.py

types: $(READY) ## mypy, strict
	@$(BIN)/mypy

check: lint types test ## everything that needs no container engine: run it before you push

docs: $(READY) ## write what is made from the code: pages of docs/, plugin.yaml and its like
	@$(BIN)/python tools/docs.py

requirements: $(READY) ## pin the dependencies anew, with hashes (needs uv)
	cd requirements && for set in runtime dev; do \
		uv pip compile --quiet --universal --python-version 3.11 --upgrade --generate-hashes \
			--no-emit-index-url --no-header --no-annotate ../pyproject.toml \
			$$(test $$set = dev && echo dev.in) -o $$set.txt; done
	cd requirements && uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header --no-annotate --constraints dev.txt build.in -o build.txt

clean: ## remove what was made in the checkout
	rm -rf $(VENV) dist .coverage .mypy_cache .pytest_cache .ruff_cache .hypothesis
