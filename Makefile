# The targets that people and CI use. "make" alone lists them.

STATICCHECK := go run honnef.co/go/tools/cmd/staticcheck@v0.8.2
# The tool is of the same version as the package in go.mod. It does not become a dependency of ours.
FAILPOINT_CTL = go run github.com/pingcap/failpoint/failpoint-ctl@$$(go list -m -f '{{.Version}}' github.com/pingcap/failpoint)
RACED := ./node/... ./backend/... ./metadata/... ./frontend/...

.DEFAULT_GOAL := help
.PHONY: help build run test fmt lint wasm race old-client failpoints check bench sim-build sim bugs bench-sim chaos-build chaos

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build bin/chasqui
	go build -o bin/chasqui ./cmd/chasqui

run: build ## build, then run the whole system in one process on 127.0.0.1:9324
	bin/chasqui dev

test: ## run all tests, those that kill real processes included
	go test $$(go list ./... | grep -v /chaos)
	@# By themselves, because they measure how soon a cluster is back; never from the cache, which does not see the binary.
	go test -count=1 -p 1 ./chaos/...

fmt: ## format all Go files
	gofmt -w .

lint: ## gofmt, go vet, staticcheck
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "not formatted (make fmt):"; echo "$$unformatted"; exit 1; fi
	go vet ./...
	$(STATICCHECK) ./...

wasm: ## build and vet for wasip1, the form in which a simulator runs the product
	GOOS=wasip1 GOARCH=wasm go build -o /dev/null ./cmd/chasqui
	GOOS=wasip1 GOARCH=wasm go vet ./cmd/chasqui

race: ## run the tests of the parts with the race detector
	go test -race $(RACED)

# PYTHON must have a botocore older than 1.31.81, such as Debian's package python3-botocore.
PYTHON ?= /usr/bin/python3
old-client: ## walk through the API with an AWS SDK for Python of the time before JSON: PYTHON=/usr/bin/python3
	CHASQUI_PYTHON=$(PYTHON) go test -count=1 -run TestBotocore -v ./frontend

failpoints: ## end processes at the failpoints of the journal, on a rewritten copy of the tree
	@set -e; copy=$$(mktemp -d); trap 'rm -rf "$$copy"' EXIT; \
	cp -R go.mod go.sum node "$$copy"; \
	$(FAILPOINT_CTL) enable "$$copy/node/wal" "$$copy/node/replication"; \
	cd "$$copy"; go vet -tags failpoint ./node/wal ./node/replication; \
	go test -tags failpoint -run Failpoint ./node/wal

sim-build: ## build the simulator, and the product's binary for it, with failpoints; CHECKED=1: with wazero as it is
	@if [ -z "$(CHECKED)" ]; then \
	go run ./sim/wasi/unchecked bin/engine && go build -tags unchecked -modfile bin/engine/go.mod -o bin/sim ./cmd/sim; \
	else go build -o bin/sim ./cmd/sim; fi
	bin/sim build bin/chasqui.wasm

# SEED runs one seed twice and tells its story. FIRST and FOR say where a batch begins and when it starts no more seeds.
FIRST ?= 1
FOR ?= 3m
sim: sim-build ## simulate a batch of seeds, or one: make sim SEED=7
	@if [ -n "$(SEED)" ]; then bin/sim replay --seed $(SEED); else bin/sim run --first $(FIRST) --for $(FOR); fi

# CPU bounds the processor time that is spent on each bug.
CPU ?= 10m
bugs: sim-build ## plant known bugs in the product and show that the simulator finds them: BUGS="name ..." for some
	bin/sim bugs --cpu $(CPU) $(BUGS)

bench-sim: sim-build ## measure the simulator
	bin/sim bench

chaos-build: ## build the chaos suite, and the product with failpoints: RACE=1 with the race detector
	go build $(if $(RACE),-race) -o bin/chaos ./cmd/chaos
	@set -e; copy=$$(mktemp -d); trap 'rm -rf "$$copy"' EXIT; \
	cp -R go.mod go.sum backend cmd frontend metadata node "$$copy"; rm -rf "$$copy/cmd/bench" "$$copy/cmd/chaos" "$$copy/cmd/sim"; \
	$(FAILPOINT_CTL) enable "$$copy/node/wal" "$$copy/node/replication"; \
	out=$$(pwd)/bin/chasqui-chaos; cd "$$copy"; go build $(if $(RACE),-race) -buildvcs=false -tags failpoint -o "$$out" ./cmd/chasqui

# SEED is drawn if it is left out; DURATION is how long faults go on; ONLY=KIND,... allows only those kinds.
DURATION ?= 3m
chaos: chaos-build ## break a cluster of real processes: make chaos SEED=7 DURATION=30m RACE=1 ONLY=cut,kill
	bin/chaos --duration $(DURATION) $(if $(SEED),--seed $(SEED)) $(if $(ONLY),--only $(ONLY))

check: lint wasm race failpoints test ## everything that must pass, with the race detector

bench: build ## build, then measure
	go build -o bin/bench ./cmd/bench
	bin/bench
