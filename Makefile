# Ringfence. "make" alone prints this help.
.DEFAULT_GOAL := help
SHELL := /bin/bash
export CGO_ENABLED ?= 0
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X github.com/ringfencehq/ringfence/internal/cli.version=$(VERSION)

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## bin/ringfence, one static binary
	go build -trimpath -ldflags '$(LDFLAGS)' -o bin/ringfence ./cmd/ringfence

test: ## the tests that need PostgreSQL only, in under five minutes
	go test ./...

system-deps: ## what test-system needs: PgBouncer, psql and pg_dump, other PostgreSQL versions
	.ci/install

test-system: system-deps ## PgBouncer, other PostgreSQL versions, chaos: at bounded size
	go test -tags system -run '^TestSystem' -p 1 -timeout 20m ./...

test-long: system-deps ## the same at full size
	RINGFENCE_LONG=1 go test -tags system -run '^TestSystem' -p 1 -timeout 60m ./...

race: ## the race detector over the packages with concurrency
	CGO_ENABLED=1 go test -race -timeout 15m $(RACE_PACKAGES)

RACE_PACKAGES := . ./trail ./gateway/... ./internal/bus ./internal/revocation ./internal/edge ./internal/pg ./internal/pgtest ./internal/apply ./internal/expr ./internal/reach ./internal/audit ./internal/cli \
	./internal/live ./internal/monitor ./internal/fleet ./internal/notify ./internal/console ./internal/rollout/ledger ./internal/rollout/watch

race-packages:
	@echo $(RACE_PACKAGES)

FUZZTIME ?= 1m
FUZZ ?= .

fuzz: ## every fuzz target of the module whose name matches FUZZ, for FUZZTIME each
	@targets=$$(git grep -hoE '^func Fuzz[A-Za-z0-9_]*' -- '*_test.go' | sed 's/^func //' | grep -E '$(FUZZ)'); \
	[ -n "$$targets" ] || { echo "no fuzz target matches $(FUZZ)"; exit 1; }; \
	for f in $$targets; do d=$$(dirname "$$(git grep -lE "^func $$f\(" -- '*_test.go')"); \
	  echo "$$f of ./$$d, $(FUZZTIME)"; go test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x ./$$d || exit 1; done

check: ## formatting, vet, staticcheck, and that generated files are fresh
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo "gofmt these:"; gofmt -l $$(git ls-files '*.go'); exit 1; }
	go vet ./...
	go vet -tags system ./...
	go tool staticcheck ./...
	$(MAKE) gen
	@git diff --exit-code --stat || { echo "generated files are stale: run make gen and commit"; exit 1; }

gen: ## write the lists and docs/ from the code
	go run ./internal/gen

examples: ## reference system B's rollout on servers of its own, into docs/examples: some ten minutes
	go run ./internal/gen/rollout -o docs/examples

bench: system-deps ## what a tenant context, a gateway's check and its relay cost beside the usual ways, and how the tools scale, into docs/figures.md
	go test -tags system -run '^$$' -bench '^BenchmarkContext' -benchtime 3s -count 3 . | go run ./internal/bench/figures -section context docs/figures.md
	go test -run '^$$' -bench '^BenchmarkTrail$$' -benchtime 1s -count 3 ./trail | go run ./internal/bench/figures -section trail docs/figures.md
	go test -tags system -run '^$$' -bench '^BenchmarkCheck' -benchtime 1s -count 3 ./gateway | go run ./internal/bench/figures -section check docs/figures.md
	go test -tags system -run '^$$' -bench '^BenchmarkRelay' -benchtime 3000x -count 3 ./gateway | go run ./internal/bench/figures -section relay docs/figures.md
	go test -tags system -run '^$$' -bench '^Benchmark(Revocation|Idle)' -benchtime 200x ./internal/e2e | go run ./internal/bench/figures -section fleet docs/figures.md
	go test -run '^$$' -bench '^BenchmarkSigned$$' -benchtime 50x -count 3 ./internal/signed | go run ./internal/bench/figures -section signed docs/figures.md
	go test -run '^$$' -bench '^BenchmarkObserve$$' -benchtime 300x -count 3 ./internal/impact | go run ./internal/bench/figures -section observe docs/figures.md
	go test -run '^$$' -bench '^BenchmarkProver$$' -benchtime 3x -count 3 ./internal/decide | go run ./internal/bench/figures -section prover docs/figures.md
	go test -run '^$$' -bench '^BenchmarkScale' -benchtime 3x -timeout 30m ./internal/e2e | go run ./internal/bench/figures -section scale docs/figures.md

bench-all: ## every benchmark there is
	go test -run '^$$' -bench . -benchmem ./...

demo: ## the whole story on a server of its own
	go run ./cmd/ringfence demo

release: ## dist/ringfence-OS-ARCH for linux, macOS and windows
	@mkdir -p dist
	@for t in linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64; do \
	  GOOS=$${t%/*} GOARCH=$${t#*/} go build -trimpath -ldflags '$(LDFLAGS)' -o dist/ringfence-$${t%/*}-$${t#*/}$$([ $${t%/*} = windows ] && echo .exe) ./cmd/ringfence || exit 1; done
	@cd dist && sha256sum ringfence-* > SHA256SUMS && cat SHA256SUMS

.PHONY: help build test system-deps test-system test-long race fuzz check gen examples bench bench-all demo release race-packages
