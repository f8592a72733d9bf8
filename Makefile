# `make help` lists what there is to do. Everything that is made lies in build/.
SHELL := /bin/bash
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

# Debian's own Python, whatever else the PATH holds.
WORLD  := /usr/bin/python3 -m tests.world
VENV   := build/venv
PYTEST := $(VENV)/bin/python -m pytest

export PYTHONPYCACHEPREFIX := $(CURDIR)/build/pycache

##@ First steps
.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^##@/ { printf "\n%s\n", substr($$0, 5) } /^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

##@ Parts
.PHONY: venv
venv: $(VENV)/.ready ## the virtual environment of the tests, in build/venv

.PHONY: engine
engine: build/.packages ## find the engine of this machine, or start a private one
	@$(WORLD) engine

.PHONY: engine-stop
engine-stop: ## stop the private engine; its images stay
	@$(WORLD) engine-stop

.PHONY: clean
clean: ## remove everything that was made here: host, images, private engine, build/
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
