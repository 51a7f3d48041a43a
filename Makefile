# SPDX-License-Identifier: Apache-2.0
.DEFAULT_GOAL := help
# stevedore keeps a cache: not outside the checkout.
export XDG_CACHE_HOME := $(CURDIR)/.cache/xdg
.PHONY: help demo test soak fuzz check bench constraints clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## a whole cloud on this machine: networks, machines, partitions on a real subnet manager (root)
	@tools/setup lab
	@.venv/bin/ibstack lab demo

test: ## everything: the checks, real OpenSM, Neutron 26 and 29, the demo's job end to end (root)
	@tools/setup test
	@tools/check
	@tools/test

soak: ## long random walks on a whole cloud while parts break and others attack (root; IBSTACK_SEEDS, IBSTACK_STEPS)
	@tools/setup test
	@tools/soak

fuzz: ## readers of files and messages, guided by coverage: atheris (IBSTACK_FUZZ_S seconds each, IBSTACK_TARGETS)
	@tools/setup fuzz
	@tools/fuzz

check: ## style, types, import contracts and the quick tests: no root, about a minute
	@tools/setup check
	@tools/check
	@.venv/bin/pytest -q -m "not real" tests

bench: ## measure on this machine, beside networking-mlnx; write the numbers into docs/reference (root)
	@tools/setup bench
	@tools/bench --write

constraints: ## pin all Python packages anew, with hashes
	@tools/setup check
	@tools/pin

clean: ## remove what was installed into the checkout
	rm -rf .venv .venv-neutron-26 .venv-peer .cache .lab
