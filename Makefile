# The targets that people and CI use. "make" alone lists them.

STATICCHECK := go run honnef.co/go/tools/cmd/staticcheck@v0.8.2

.DEFAULT_GOAL := help
.PHONY: help build run test check fmt

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build bin/chasqui
	go build -o bin/chasqui ./cmd/chasqui

run: build ## build, then run the whole system in one process on 127.0.0.1:9324
	bin/chasqui dev

test: ## run all tests
	go test ./...

fmt: ## format all Go files
	gofmt -w .

check: ## what CI runs: gofmt, vet, staticcheck, race tests, wasip1 build
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "not formatted (make fmt):"; echo "$$unformatted"; exit 1; fi
	go vet ./...
	$(STATICCHECK) ./...
	go test -race ./...
	GOOS=wasip1 GOARCH=wasm go build -o /dev/null ./cmd/chasqui
