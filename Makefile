# The verbs of the project. `make` alone lists them.
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help

SWIFT_FORMAT_PATHS = Package.swift Sources Tests $(wildcard Benchmarks)
# How long `make contract` makes up requests, in seconds.
CONTRACT_SECONDS ?= 150
# How long `make fuzz` feeds each decoder, in seconds.
FUZZ_SECONDS ?= 60
# Of `make chaos`: short or long; the seed of an earlier run.
ROUNDS ?= short
SEED ?=
# Who may not mount has no file system to fill up: then this fault is left out, and the run says so; with CI=true it fails instead. What is mounted is
# gone with the process, however it ends.
CHAOS_MOUNTS = $(shell unshare --mount true 2>/dev/null && echo yes)
CHAOS_AS = $(if $(CHAOS_MOUNTS),unshare --mount)
CHAOS_LEFT_OUT = $(if $(CHAOS_MOUNTS)$(filter true,$(CI)),,--without disk-full)
# For the program, in `make dev ARGS="--port 9000"`.
ARGS ?=

.PHONY: help
help: ## List the verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: dev
dev: setup ## Serve a demo market with a PostgreSQL of its own; Ctrl-C stops both
	swift build --product market
	exec .build/debug/market dev $(ARGS)

.PHONY: test
test: setup lint ## Everything that must pass before a commit is shared, but `contract`
	$(MAKE) openapi
	swift build --build-tests
	swift test --skip-build
	$(MAKE) test-tsan

.PHONY: setup
setup: ## Install what is missing (Debian, Ubuntu)
	@scripts/setup

.PHONY: build
build: ## Build everything, tests too; a warning is an error
	swift build --build-tests

.PHONY: format
format: ## Format the sources in place
	swift format --in-place --recursive $(SWIFT_FORMAT_PATHS)

.PHONY: lint
lint: ## Say where the sources are not as `make format` would have them
	swift format lint --strict --recursive $(SWIFT_FORMAT_PATHS)

.PHONY: test-fast
test-fast: ## The tests alone: make test-fast ARGS="--filter PaidWindow"
	swift test $(ARGS)

.PHONY: test-tsan
test-tsan: ## The database client's tests under the thread sanitizer
	scripts/test-tsan $(ARGS)

.PHONY: fuzz
fuzz: setup ## Decoders of what comes from outside under libFuzzer, FUZZ_SECONDS each (60); .build-fuzz keeps what it finds
	scripts/fuzz $(FUZZ_SECONDS)

.PHONY: openapi
openapi: ## Check that openapi.yaml is an OpenAPI document
	@scripts/setup --contract
	scripts/contract-python -m openapi_spec_validator openapi.yaml

.PHONY: contract
contract: ## Hold a running server to openapi.yaml with generated requests
	@scripts/setup --contract
	swift build --product market
	scripts/with-market sh -c 'scripts/contract --seconds $(CONTRACT_SECONDS) \
		"$$MARKET_URL" "$$MARKET_OPERATOR_TOKEN" "$$MARKET_PUBLISHER_KEY" "$$MARKET_APP_TOKEN" "$$MARKET_INBOUND_KEY"'

.PHONY: chaos
chaos: setup ## Kill, cut and fill up what a server under load stands on (ROUNDS=long, SEED=n, ARGS="--only disk-full")
	swift build --product market
	MARKET_CHAOS=1 swift build --product Chaos
	$(CHAOS_AS) .build/debug/Chaos --rounds $(ROUNDS) $(addprefix --seed ,$(SEED)) $(CHAOS_LEFT_OUT) $(ARGS)

.PHONY: schema
schema: setup ## Write sql/schema.sql anew after a migration was added
	swift build --product market
	scripts/schema

.PHONY: release
release: setup ## Build the program for production: .build/release/market
	swift build --configuration release --product market

.PHONY: clean
clean: ## Remove what builds made; the data of `make dev` (.market) stays
	rm -rf .build .build-tsan .build-fuzz .venv-contract

.PHONY: bench
bench: ## Measure against stated limits, 1 if one is missed: make bench ARGS="--events 200000 --only client capacity"; growth where it is named
	@scripts/setup --bench
	MARKET_BENCHMARKS=1 swift build -c release --scratch-path .build-release --product market
	MARKET_BENCHMARKS=1 swift build -c release --scratch-path .build-release --product Benchmarks
	.build-release/release/Benchmarks $(ARGS)
