# pintle's two commands, and those for people who work on it. Everything runs as root on Debian with Rust.

RELEASE := target/release/pintle
# How many crashes `make crash-test` makes, and with which seed; the same seed makes the same.
CRASHES ?= 20000
SEED ?= $(shell date +%s)
# How long `make fuzz` tries each target.
FUZZ_SECONDS ?= 60
# Images of tests are made of busybox; the kubelet alone is tried with the usual network plugins.
TEST_PACKAGES := busybox-static e2fsprogs containernetworking-plugins iptables python3 python3-pip etcd-server etcd-client

# Where conformance tests lie, and which of them are run, a cluster for each expression; all, if there is none.
CONFORMANCE := .tools/conformance
FOCUS ?=

# The tests that start the binary itself. They are built as all others are, so that nothing is built twice.
E2E := $(addprefix --test ,clients control_plane machine masters node)

.PHONY: run test check fmt lint unit e2e crash-test fuzz bench bench-store apidiff conformance build setup setup-tests

## make run: install what is missing, build, start a one-node cluster
run: setup build
	exec $(RELEASE) server $(ARGS)

build:
	cargo build --release --package pintle

## make test: install what the tests need and pass them all
test: setup unit e2e

unit: setup-tests
	cargo test --workspace --quiet

## end-to-end tests with the real kubectl
e2e: setup-tests
	cargo build --quiet --workspace --features testkit/e2e --bin pintle --tests
	cargo test --quiet --workspace --features testkit/e2e $(E2E)

## crashes of the state store under load, far more than `make test` makes: nineteen of twenty are power cuts of a simulated
## disk, five to a trial, the rest are kills of a process. A failure says how to see it again.
crash-test:
	@echo "seed $(SEED)"
	PINTLE_CRASH_SEED=$(SEED) PINTLE_CRASH_TRIALS=$$(( $(CRASHES) * 19 / 100 )) PINTLE_CRASH_KILLS=$$(( ($(CRASHES) + 39) / 40 )) \
		cargo test --package store-embedded --lib --test crash -- --nocapture nothing_ histories_are

## fuzzers of everything that reads what others wrote, so long for each; FUZZ_TARGETS says which
fuzz:
	scripts/install-packages g++
	scripts/fuzz $(FUZZ_SECONDS) $(FUZZ_TARGETS)

## what CI runs before the tests
check: fmt lint

fmt:
	cargo fmt --check

lint:
	cargo clippy --workspace --all-targets --features testkit/e2e --quiet -- -D warnings
	cargo xtask tidy

bench: build setup-tests
	cargo run --release --quiet --package bench

## the state store side by side with a real etcd: twenty minutes; ARGS="--parts loads,perf --rounds 3" chooses
bench-store: build setup-tests
	cargo run --release --quiet --package bench -- store $(ARGS)

## recorded exchanges of a real kube-apiserver, from the folder that APIDIFF names, against pintle
apidiff: build setup-tests
	scripts/apidiff "$(APIDIFF)" $(RELEASE) $(ARGS)

## upstream's conformance tests, built from its Go modules (Go and a module proxy are needed), an hour: docs/conformance.md
conformance: build setup-tests
	scripts/conformance/build $(CONFORMANCE)
	scripts/conformance/images.py $(CONFORMANCE)
	scripts/conformance/run $(CONFORMANCE) $(RELEASE) $(FOCUS)

setup:
	scripts/install-packages

setup-tests:
	scripts/install-packages $(TEST_PACKAGES)
	scripts/install-kubectl
	scripts/install-s3-server
	scripts/install-clients
