# SPDX-License-Identifier: Apache-2.0

# AutoWasm: run `make` to see the targets.
MAKEFLAGS += --warn-undefined-variables --no-builtin-rules
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

BIN := $(CURDIR)/bin
GO_BUILD := e2e/build/go-build.sh
CONTROLLER_GEN_VERSION := v0.22.0
STATICCHECK_VERSION := v0.8.2
GOTESTSUM_VERSION := v1.13.0

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)
# The modules of this repository; the product is the first.
MODULES := . $(patsubst %/go.mod,%,$(wildcard e2e/go.mod e2e/*/go.mod e2e/filters/*/go.mod))
GO_FILES = $(shell git ls-files -co --exclude-standard -- '*.go')
# The packages with goroutines of their own, tested with the race detector too.
CONCURRENT := ./certs ./cmd/wasmer ./controller ./fetch ./fetch/peer ./fetch/serve ./fetch/source ./fetch/store ./internal/egress ./internal/fairness ./internal/fairworkers ./internal/hostproxy ./internal/localenvoy ./internal/mesh ./preflight ./proxies ./trial ./web
# What make image makes: the name of the image of wasmer, that of wasmc being beside it, for which platforms, and whether to push
# them (PUSH=1).
IMAGE ?= registry.example/autowasm/wasmer:$(VERSION)
PLATFORMS ?= linux/amd64,linux/arm64
PUSH ?=
# The directory that the cluster lives in. One in another directory, such as CLUSTER=.local/second, runs beside it.
CLUSTER ?= .local/cluster
# Arguments for go test, such as ARGS='-run TestTutorial -v'.
ARGS ?=
# How many inputs make fuzz has for each of its targets, which are a package and a function: some fifteen seconds. A duration such
# as 10m is possible, too, but until Go 1.27 it ends now and then in "context deadline exceeded" (go.dev/issue/75804). What is found
# to be of interest is kept in Go's build cache for later runs, and what fails in testdata/fuzz of the package.
FUZZTIME ?= 10000x
FUZZ ?= ./host:FuzzModule ./host:FuzzCalls ./host:FuzzHostFunctions ./filtertest:FuzzRun
# How often make flakes runs the tests: the unit tests, the end-to-end tests, and how many runs of these on busy cores.
UNIT_RUNS ?= 30
E2E_RUNS ?= 5
E2E_BUSY ?= 2

export PATH := $(BIN):$(PATH)
# Flags are part of the key of a package in Go's build cache: with these for all, wasmer, its tests and the programs
# that the tests run share what was compiled. Package e2e/build has the same.
export GOFLAGS := $(shell go env GOFLAGS) -trimpath
export CGO_ENABLED := 0

##@ Use

.PHONY: help
help: ## Print the targets
	@awk 'BEGIN {FS = ":.*## "} /^##@ / {printf "\n%s\n", substr($$0, 5)} /^[a-z0-9-]+:.*## / {printf "  %-20s %s\n", $$1, $$2}' Makefile

.PHONY: demo
demo: ## Show the tutorial, live, on an embedded control plane
	@$(GO_BUILD) 'the demo' e2e -o $(BIN)/e2e-demo ./cmd/demo
	@$(BIN)/e2e-demo

.PHONY: up
up: $(BIN)/e2e-env ## Start the embedded environment in the background (.local/kubeconfig, .local/env)
	@$(BIN)/e2e-env up

.PHONY: down
down: $(BIN)/e2e-env ## Stop the embedded environment
	@$(BIN)/e2e-env down

.PHONY: cluster
cluster: $(BIN)/e2e-cluster ## Start a cluster of two nodes with Istio in the background (Linux, root; .local/cluster/env)
	@$(BIN)/e2e-cluster up -dir $(CLUSTER)

.PHONY: cluster-down
cluster-down: $(BIN)/e2e-cluster ## Stop the cluster
	@$(BIN)/e2e-cluster down -dir $(CLUSTER)

.PHONY: build
build: ## Build wasmer and wasmc into bin/
	@$(GO_BUILD) 'wasmer and wasmc' . -ldflags '$(LDFLAGS)' -o $(BIN)/ ./cmd/wasmer ./cmd/wasmc

.PHONY: image
image: ## Make images of wasmer and wasmc in bin/image, without a container engine (IMAGE=name, PUSH=1, PLATFORMS=…)
	@go run ./release image -version '$(VERSION)' -image '$(IMAGE)' -platforms '$(PLATFORMS)' -out $(BIN)/image $(if $(PUSH),-push)

.PHONY: release
release: ## Make archives of wasmc for Linux, macOS and Windows, and of the Helm chart, in bin/release, and bin/release-notes.md
	@go run ./release notes -version '$(VERSION)' -out $(BIN)/release-notes.md
	@go run ./release archives -version '$(VERSION)' -out $(BIN)/release

.PHONY: wasm
wasm: ## Build the example filter into bin/add-header.wasm
	@GOOS=wasip1 GOARCH=wasm $(GO_BUILD) 'the example filter' . -buildmode=c-shared -ldflags '-s -w' -o $(BIN)/add-header.wasm ./examples/add-header

.PHONY: wasm-assemblyscript
wasm-assemblyscript: ## Rebuild the committed AssemblyScript filter (needs node and npm)
	examples/add-header-assemblyscript/build.sh
	go run ./examples/mark examples/add-header-assemblyscript

.PHONY: wasm-rust
wasm-rust: ## Rebuild the committed Rust filter (needs rustup)
	examples/add-header-rust/build.sh
	go run ./examples/mark examples/add-header-rust

.PHONY: filters
filters: $(BIN)/e2e-env ## Build filters of other people, such as Coraza's WAF, into bin/filters
	@$(BIN)/e2e-env filters

##@ Check

.PHONY: test
test: unit e2e ## Run all tests

.PHONY: unit
unit: $(BIN)/gotestsum ## Run the unit tests (fast, no network)
	$(BIN)/gotestsum --format pkgname --jsonfile $(BIN)/unit.json -- $(ARGS) ./...
	CGO_ENABLED=1 $(BIN)/gotestsum --format pkgname --jsonfile $(BIN)/race.json -- -race $(ARGS) $(CONCURRENT)
	@$(call refuse-skipped,unit race)

# Packages at the same time: most of their tests wait, so that two cores are enough for four.
E2E_PACKAGES := 4

.PHONY: e2e
e2e: $(BIN)/e2e-env $(BIN)/gotestsum ## Run the tests on a real control plane (the first run builds it)
	$(BIN)/e2e-env build
	$(BIN)/e2e-env filters
	$(BIN)/e2e-env certmanager
	$(BIN)/e2e-env flux
	$(BIN)/e2e-env browser
	$(BIN)/e2e-env argocd
	cd e2e && $(BIN)/gotestsum --format testname --jsonfile $(BIN)/e2e.json -- -count=1 -p $(E2E_PACKAGES) -timeout 40m $(ARGS) ./...
	@$(call refuse-skipped,e2e)

.PHONY: test-floor
test-floor: $(BIN)/e2e-env $(BIN)/gotestsum ## Run the tests of the webhooks and the controller on the oldest Kubernetes that is supported
	AUTOWASM_KUBERNETES=floor $(BIN)/e2e-env build -without-mesh
	$(BIN)/e2e-env flux
	$(BIN)/e2e-env argocd
	cd e2e && AUTOWASM_KUBERNETES=floor $(BIN)/gotestsum --format testname --jsonfile $(BIN)/floor.json -- -count=1 -timeout 20m $(ARGS) ./behaviour
	@$(call refuse-skipped,floor)

# From whose chart and wasmer the tests upgrade: until there is a release, the first commit whose chart installs on the cluster.
PREVIOUS := 09b956bbe87e4dc6725b4abb83173a27188bc08e

.PHONY: previous
previous: build
	@git cat-file -e $(PREVIOUS)^{commit} 2>/dev/null || git fetch -q --depth=1 origin $(PREVIOUS) 2>/dev/null || \
		echo 'this checkout lacks commit $(PREVIOUS), and so does its origin: the release that is upgraded is made of this commit itself'
	@if ! git cat-file -e $(PREVIOUS)^{commit} 2>/dev/null; then \
		rm -rf .local/previous && mkdir -p .local/previous/manifests/charts .local/previous/bin && \
		cp -r manifests/charts/wasmer .local/previous/manifests/charts/ && cp $(BIN)/wasmer .local/previous/bin/; \
	elif [ "$$(cat .local/previous/commit 2>/dev/null)" != $(PREVIOUS) ]; then \
		rm -rf .local/previous && mkdir -p .local/previous && git archive $(PREVIOUS) | tar -x -C .local/previous && \
		$(GO_BUILD) 'wasmer of an earlier commit' .local/previous -o bin/ ./cmd/wasmer && echo $(PREVIOUS) >.local/previous/commit; \
	fi

# What the tests on a cluster run beside it.
.PHONY: cluster-tools
cluster-tools: build wasm previous $(BIN)/e2e-env $(BIN)/e2e-cluster $(BIN)/gotestsum
	$(BIN)/e2e-cluster envoys
	@$(BIN)/e2e-env certmanager >/dev/null
	@$(BIN)/e2e-env fluxcd >/dev/null
	@$(BIN)/e2e-env argocd-controllers >/dev/null

.PHONY: test-cluster
test-cluster: cluster-tools ## Run the tests on the cluster of make cluster, or on KUBECONFIG's
	cd e2e && $(BIN)/gotestsum --format testname --jsonfile $(BIN)/$(notdir $(CLUSTER)).json -- -count=1 -parallel 6 -tags cluster \
		-timeout 40m -exec '$(BIN)/e2e-cluster exec -dir $(abspath $(CLUSTER)) --' $(ARGS) ./clustertest
	@$(call refuse-skipped,$(notdir $(CLUSTER)))

.PHONY: test-nodes
test-nodes: $(BIN)/gotestsum ## Test that a cluster leaves this machine as it was (Linux, root)
	cd e2e && $(BIN)/gotestsum --format testname --jsonfile $(BIN)/nodes.json -- -count=1 -p 1 -tags cluster -timeout 20m $(ARGS) ./machine ./cluster
	@$(call refuse-skipped,nodes)

.PHONY: flakes
flakes: build wasm ## Run all tests many times, to find those that fail now and then (UNIT_RUNS, E2E_RUNS, E2E_BUSY)
	cd e2e && go run ./cmd/env build
	cd e2e && go run ./cmd/env filters
	cd e2e && go run ./cmd/env certmanager
	cd e2e && go run ./cmd/env flux
	cd e2e && go run ./cmd/env browser
	cd e2e && go run ./cmd/env argocd
	cd e2e && go run ./cmd/flakes -unit=$(UNIT_RUNS) -e2e=$(E2E_RUNS) -busy=$(E2E_BUSY) -p=$(E2E_PACKAGES)

# One process for each target, so that other work on this machine goes on.
.PHONY: fuzz
fuzz: $(BIN)/gotestsum ## Fuzz what runs modules and reads test cases (FUZZTIME, FUZZ=package:function)
	@rm -f $(BIN)/fuzz.json; status=0; \
	for target in $(FUZZ); do \
		$(BIN)/gotestsum --format standard-verbose --jsonfile $(BIN)/fuzz.part.json -- \
			-run '^$$' -fuzz "^$${target#*:}$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1s -parallel 1 "$${target%:*}" || status=1; \
		cat $(BIN)/fuzz.part.json >>$(BIN)/fuzz.json; \
	done; rm -f $(BIN)/fuzz.part.json; exit $$status

# A skipped test has shown nothing: it fails the run.
refuse-skipped = for run in $(1); do \
	if grep -q '"Action":"skip","Package":"[^"]*","Test"' $(BIN)/$$run.json; then \
		echo "these tests of $$run were skipped:"; grep '"Action":"skip","Package":"[^"]*","Test"' $(BIN)/$$run.json; exit 1; \
	fi; done

.PHONY: bench
bench: filters ## Measure against peers, as ratios in one run
	go test -run '^$$' -bench Admission -benchtime 3000x $(ARGS) ./webhook
	go test -run '^$$' -bench 'Fetch20MB|Serve|Put' -benchtime 1x $(ARGS) ./fetch ./fetch/serve ./fetch/store
	go test -run '^$$' -bench 'EnvoyFilter|Equal|EnsureCached|Inspect|Module' $(ARGS) ./render ./fetch ./fetch/module ./fetch/image
	go test -run '^$$' -bench 'Trial|Request' $(ARGS) ./host ./cmd/wasmer
	go test -run '^$$' -bench Refresh $(ARGS) ./web
	cd e2e && go test -run '^$$' -bench Scroll -benchtime 3x $(ARGS) ./web
	cd e2e && go test -run '^$$' -bench Request -benchtime 10x $(ARGS) ./agreement
	cd e2e && go test -run '^$$' -bench 'ApplyToHeader|Sizes|Silence|Restarts' -benchtime 1x -timeout 40m $(ARGS) ./mesh

.PHONY: lint
lint: $(BIN)/staticcheck $(BIN)/controller-gen ## Check formatting, vet, staticcheck, tidy modules, generated files and the style of the docs
	@unformatted=$$(gofmt -l $(GO_FILES)); if [ -n "$$unformatted" ]; then echo "gofmt these files:"; echo "$$unformatted"; exit 1; fi
	# The control planes and Helm are a few lines around a large program, which would take minutes to check.
	for module in . e2e e2e/etcd e2e/registry e2e/networkpolicies; do (cd $$module && go vet ./... && $(BIN)/staticcheck ./...); done
	cd e2e && go vet -tags cluster ./machine ./cluster ./clustertest && $(BIN)/staticcheck -tags cluster ./machine ./cluster ./clustertest
	GOOS=wasip1 GOARCH=wasm go vet -unsafeptr=false ./examples/add-header
	for dir in e2e/filters e2e/probe; do (cd $$dir && GOOS=wasip1 GOARCH=wasm go vet ./... && GOOS=wasip1 GOARCH=wasm $(BIN)/staticcheck ./...); done
	for module in $(MODULES); do (cd $$module && go mod tidy -diff); done
	go test -run '^TestPagesAreInPlainEnglish$$' ./docs
	@$(MAKE) --no-print-directory check-generated

.PHONY: check-generated
check-generated: $(BIN)/controller-gen
	@dir=$$(mktemp -d) && trap 'rm -rf "$$dir"' EXIT && \
	$(BIN)/controller-gen object:headerFile=hack/boilerplate.go.txt paths=./api/... output:dir=$$dir && \
	$(BIN)/controller-gen crd paths=./api/... output:crd:dir=$$dir && \
	for pair in api/v1alpha1/zz_generated.deepcopy.go manifests/crd/wasm.tcm.io_autowasms.yaml; do \
		diff -u $$pair $$dir/$$(basename $$pair) || { echo "$$pair is out of date: run make generate"; exit 1; }; \
	done
	cd e2e && go run ./cmd/manifests -check

##@ Develop

.PHONY: generate
generate: $(BIN)/controller-gen ## Rewrite the generated files (deepcopy, CRD, golden files, dashboard, alerts, kustomization)
	$(BIN)/controller-gen object:headerFile=hack/boilerplate.go.txt paths=./api/...
	$(BIN)/controller-gen crd paths=./api/... output:crd:dir=manifests/crd
	go test ./certs ./internal/dashboard ./render -update
	cd e2e && go run ./cmd/manifests

.PHONY: clean
clean: down ## Stop the environment and the clusters and remove what was built in the checkout
	for state in .local/*/state.json; do \
		if [ -e "$$state" ]; then $(MAKE) --no-print-directory cluster-down CLUSTER="$${state%/state.json}"; fi; done
	rm -rf bin .local

.PHONY: $(BIN)/e2e-env
$(BIN)/e2e-env:
	@$(GO_BUILD) 'the environment' e2e -o $@ ./cmd/env

.PHONY: $(BIN)/e2e-cluster
$(BIN)/e2e-cluster:
	@$(GO_BUILD) 'the cluster' e2e -o $@ ./cmd/cluster

$(BIN)/controller-gen: Makefile
	GOBIN=$(BIN) go install sigs.k8s.io/controller-tools/cmd/controller-gen@$(CONTROLLER_GEN_VERSION) && touch $@

$(BIN)/staticcheck: Makefile
	GOBIN=$(BIN) go install honnef.co/go/tools/cmd/staticcheck@$(STATICCHECK_VERSION) && touch $@

$(BIN)/gotestsum: Makefile
	GOBIN=$(BIN) go install gotest.tools/gotestsum@$(GOTESTSUM_VERSION) && touch $@
