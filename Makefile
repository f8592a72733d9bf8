# `make help` lists what there is to do. Everything that is made lies in build/.
SHELL := /bin/bash
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

# Debian's own Python, and no other that the PATH holds.
WORLD  := /usr/bin/python3 -m tests.world
VENV   := build/venv
# A test that hangs ends the run, with a traceback of every thread. A sweep over all moments of a course takes long.
LONGEST := 300
PYTEST = $(VENV)/bin/python -m pytest -o faulthandler_timeout=$(LONGEST) -o faulthandler_exit_on_timeout=true

# Compiled Python goes to build/ as well.
export PYTHONPYCACHEPREFIX := $(CURDIR)/build/pycache

##@ The two commands
.PHONY: demo test
demo: build/.packages ## run a real job through the service on a fresh host, and show what its operator sees
	@$(WORLD) demo

ALL_LAYERS := static pure oldest contract package host pool faults vm
LAYERS := $(ALL_LAYERS)
test: ## all tests, with all that they need, and how long each layer took; KEEP_HOST=1 keeps the host of a failed one
	@tests/world/run-layers $(LAYERS)

##@ For developers
.PHONY: help check host vm demo-shell rpm faults faults-page search bench bench-hand-over
help: ## list the targets
	@awk -F ':.*## ' '/^##@/ { printf "\n%s\n", substr($$0, 5) } \
	    /^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' Makefile

check: test-static test-pure ## the quick layers

host: build/.packages ## a host with the package and a pool, kept until `make clean`, and a shell in it
	@$(WORLD) host

vm: build/.packages ## the same in a virtual machine like EL10: Podman, SELinux enforcing, no Docker
	@$(WORLD) vm

demo-shell: ## a shell in the host of the last demo
	@$(WORLD) demo-shell

rpm: build/.packages ## build the RPM
	@$(WORLD) rpm

faults: LONGEST := 3600
faults: venv images ## every fault, ours and a plain unit around `docker run`; prints the table; two to three hours
	$(PYTEST) tests/faults
	$(PYTEST) tests/pool -m slow

search: venv ## draw by chance what the pure tests are given, which make test draws the same each time
	$(PYTEST) --numprocesses=3 --dist=loadfile --hypothesis-profile=search tests/pure

bench: venv images ## what it costs, beside a plain unit and the least that the engine needs; two hours; ARGS=--help
	@$(VENV)/bin/python -m tests.bench $(ARGS)

bench-hand-over: venv images ## of that the hand-overs alone, 40 minutes of them; the rest stays as it was measured last
	@$(VENV)/bin/python -m tests.bench --only hand-over --add $(ARGS)

faults-page: ## write what `make faults` has measured into the table of FAULTS.md
	@/usr/bin/python3 -m tests.faults.rows --page

##@ The layers of the tests
.PHONY: $(ALL_LAYERS:%=test-%) $(ALL_LAYERS:%=set-up-%)
# What they need first has a target of its own: `make test` tells its time apart from theirs.
set-up-static set-up-pure set-up-oldest set-up-contract: venv ; @:
set-up-package set-up-host set-up-pool set-up-faults: venv images ; @:
set-up-vm: venv vm-images ; @:

test-static: set-up-static ## ruff, mypy, direction of imports, units, documents
	$(PYTEST) tests/static

# Side by side: some of these tests wait more than they work.
test-pure: set-up-pure ## the core, without an engine
	$(PYTEST) --numprocesses=3 --dist=loadfile --max-worker-restart=0 tests/pure

test-oldest: set-up-oldest ## the core and the engine's contract on Python 3.9 with the oldest libraries (those of EL9)
	@$(WORLD) test-oldest

test-contract: set-up-contract ## what we make of a real engine
	$(PYTEST) tests/contract

# Two hosts side by side.
test-package: set-up-package ## what is in the RPM, and dnf's work with it on a host
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target package-life package-rest

.PHONY: package-life package-rest
PACKAGE_LIFE := tests/package/test_life.py
package-life:
	$(PYTEST) $(PACKAGE_LIFE)
package-rest:
	$(PYTEST) tests/package $(PACKAGE_LIFE:%=--ignore=%)

# Three hosts side by side: each of them waits more than it works.
test-host: set-up-host ## the service under a real systemd
	@$(MAKE) --no-print-directory --jobs=3 --output-sync=target host-trouble host-engines host-rest

.PHONY: host-trouble host-engines host-rest
HOST_TROUBLE := $(addprefix tests/host/test_,boot.py host_in_trouble.py)
HOST_ENGINES := $(addprefix tests/host/test_,cvmfs.py engine_choice.py registry.py registry_login.py)
host-trouble:
	$(PYTEST) $(HOST_TROUBLE)
host-engines:
	$(PYTEST) $(HOST_ENGINES)
host-rest:
	$(PYTEST) tests/host $(patsubst %,--ignore=%,$(HOST_TROUBLE) $(HOST_ENGINES))

# Four hosts side by side.
test-pool: set-up-pool ## real jobs in a real pool
	@$(MAKE) --no-print-directory --jobs=4 --output-sync=target pool-jobs pool-hand-over pool-services pool-rest

.PHONY: pool-jobs pool-hand-over pool-services pool-rest
POOL_JOBS := $(addprefix tests/pool/test_,jobs.py offer.py stops.py)
POOL_HAND_OVER := tests/pool/test_hand_over.py
POOL_SERVICES := $(addprefix tests/pool/test_,hours.py instances.py reboot.py)
pool-jobs:
	$(PYTEST) $(POOL_JOBS)
pool-hand-over:
	$(PYTEST) $(POOL_HAND_OVER)
pool-services:
	$(PYTEST) $(POOL_SERVICES)
pool-rest:
	$(PYTEST) tests/pool -m 'not slow' $(patsubst %,--ignore=%,$(POOL_JOBS) $(POOL_HAND_OVER) $(POOL_SERVICES))

test-faults: set-up-faults ## the quick half of the faults; all of them: make faults
	$(PYTEST) tests/faults -m 'not slow'

# Two machines side by side: each of them waits more than it works.
test-vm: set-up-vm ## the same on EL10's twin, in a virtual machine: Podman, SELinux enforcing, no Docker
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target vm-life vm-rest

.PHONY: vm-life vm-rest
vm-life vm-rest: LONGEST := 1200
VM_LIFE := $(addprefix tests/vm/test_,life.py cvmfs.py podman_docker.py reboot.py selinux.py)
vm-life:
	$(PYTEST) $(VM_LIFE) -m 'not slow'
vm-rest:
	$(PYTEST) tests/vm -m 'not slow' $(VM_LIFE:%=--ignore=%)

.PHONY: test-vm-all vm-all-host vm-all-contract vm-all-pool
test-vm-all: set-up-vm ## the whole contract and all that fits of host and pool in virtual machines; two hours or so
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target --keep-going vm-all-host vm-all-contract vm-all-pool
vm-all-host vm-all-contract vm-all-pool: LONGEST := 3600
vm-all-host:
	TEST_HOST=vm $(PYTEST) tests/host -m 'not container_host'
vm-all-contract:
	WHOLE_CONTRACT=1 $(PYTEST) tests/vm
vm-all-pool:
	TEST_HOST=vm $(PYTEST) tests/pool

##@ The world of the tests
.PHONY: venv images vm-images engine engine-stop clean
venv: $(VENV)/.ready ## the virtual environment of the tests, in build/venv

# Made before the tests, none of which may take as long.
images: build/.packages ## make the image of the test hosts
	@$(WORLD) images

vm-images: build/.packages ## make what virtual machines start from: root file system, disk, the state of a booted one
	@$(WORLD) vm-images

engine: build/.packages ## find the engine of this machine, or start a private one
	@$(WORLD) engine

engine-stop: ## stop the private engine; its images stay
	@$(WORLD) engine-stop

clean: ## remove everything that was made here: hosts, images, private engine, build/
	@$(WORLD) clean

build/.packages: tests/world/install-packages
	@tests/world/install-packages
	@touch $@

$(VENV)/.ready: tests/requirements.txt build/.packages
	@echo "Making the virtual environment $(VENV)"
	@/usr/bin/python3 -m venv --clear $(VENV)
	@$(VENV)/bin/python -m pip install --requirement tests/requirements.txt >build/pip.log 2>&1 \
	    || { tail -n 20 build/pip.log >&2; exit 1; }
	@touch $@
