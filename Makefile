# The commands people type. Each one does what it needs first; dev/ holds the work.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help demo up down test chaos model lint bench deny clean-dev

help: ## Show the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

demo: ## See it work: install what is missing, start the system, export, transfer, cancel, compare, stop
	@dev/install.sh && dev/loadtest.sh demo $(ARGS)

up: ## Start the system and leave it running; .dev/env says where
	@dev/install.sh && dev/system.sh start

down: ## Stop the system; its data stays in .dev
	@dev/system.sh stop

test: ## Run all tests, with services of their own (ARGS='-p safepoint-store' for some)
	@dev/install.sh test && dev/test.sh $(ARGS)

chaos: ## Break everything under load and check every promise (CHAOS_SECONDS=180 CHAOS_SEED=… CHAOS_BROKER=off)
	@dev/install.sh test && dev/chaos.sh

model: ## Explore the model of the protocol; show what breaks when a guard is taken out
	@dev/install.sh
	cargo test --locked -p safepoint-operation --test it model -- --nocapture --test-threads 1

lint: ## Check the format, and the code with clippy
	@dev/install.sh
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --features failpoints --locked -- -D warnings

bench: ## Measure against bare Postgres, RabbitMQ and rsync: a table, and .dev/bench.json (minutes)
	@dev/install.sh bench && dev/loadtest.sh bench --json "$(CURDIR)/.dev/bench.json" $(ARGS)

deny: ## Check licences, sources and advisories of the dependencies (needs cargo-deny)
	cargo deny check

clean-dev: ## Stop everything and remove .dev with all its data
	@dev/system.sh stop
	@dev/services.sh remove .dev/run
	@dev/services.sh remove .dev/test
	@dev/services.sh remove .dev/chaos
	rm -rf .dev
