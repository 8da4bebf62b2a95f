# pintle's two commands, and those for people who work on it. Everything runs as root on Debian with Rust.

RELEASE := target/release/pintle
# Images of tests are made of busybox; the kubelet alone is tried with the usual network plugins.
TEST_PACKAGES := busybox-static containernetworking-plugins iptables python3 python3-pip etcd-server etcd-client

.PHONY: run test check fmt lint unit e2e bench apidiff build setup setup-tests

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
	cargo build --package pintle
	cargo test --quiet --package testkit --features e2e

## what CI runs before the tests
check: fmt lint

fmt:
	cargo fmt --check

lint:
	cargo clippy --workspace --all-targets --quiet -- -D warnings
	cargo xtask tidy

bench: build setup-tests
	cargo run --release --quiet --package bench

## recorded exchanges of a real kube-apiserver, from the folder that APIDIFF names, against pintle
apidiff: build setup-tests
	scripts/apidiff "$(APIDIFF)" $(RELEASE) $(ARGS)

setup:
	scripts/install-packages

setup-tests:
	scripts/install-packages $(TEST_PACKAGES)
	scripts/install-kubectl
	scripts/install-clients
