# The commands that must always work: demo, test, check, build.
# `make help` lists them all.

GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
COMMIT  ?= $(shell git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)
# The commit time is the floor under a clock that starts in 1970: a certificate
# is never judged by a time before the code that judges it was written.
COMMIT_TIME ?= $(shell git log -1 --format=%cI 2>/dev/null || echo 2026-01-01T00:00:00Z)

BUILDINFO = -X main.version=$(VERSION) \
            -X main.commit=$(COMMIT) \
            -X main.commitTime=$(COMMIT_TIME)

# nethttpomithttp2 leaves HTTP/2 out (530 KB): the local API speaks HTTP/1.1.
# Inlining stays: without it (-gcflags=all=-l) the binary is 0.9 MB smaller, and each
# heartbeat costs a quarter more and each start 10 ms.
TAGS     = nethttpomithttp2
GOBUILD  = CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -tags '$(TAGS)' -ldflags '-s -w $(BUILDINFO)'

.PHONY: help
help: ## List the commands
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

.PHONY: build
build: ## Build bin/socketha: static, stripped, for this machine
	$(GOBUILD) -o bin/socketha ./cmd/socketha

.PHONY: demo
demo: ## Watch two agents find that majors 18 and 15 do not match, then the upgrade (30 s)
	@$(MAKE) --no-print-directory build
	@$(GO) run ./scripts/demo

.PHONY: demo-live
demo-live: ## The same pair, kept running until Ctrl-C
	@$(MAKE) --no-print-directory build
	@$(GO) run ./scripts/demo -live

.PHONY: test
test: ## Install what the tests need, then run everything
	@scripts/test

.PHONY: check
check: ## Format, vet, linters, layering and the fast tests
	@scripts/check

.PHONY: fuzz
fuzz: ## Run every fuzz target for FUZZTIME (20s)
	@scripts/fuzz

.PHONY: bench
bench: ## Run the benchmarks with allocations
	$(GO) test -run '^$$' -bench . -benchmem ./...

.PHONY: fmt
fmt: ## Format the code
	@scripts/tool golangci-lint fmt ./...

.PHONY: dist
dist: ## Make what is delivered: binaries for eight architectures, packages, SBOM, VEX, checksums
	@$(GO) run ./scripts/dist -version '$(VERSION)' -commit '$(COMMIT)' -commit-time '$(COMMIT_TIME)'

.PHONY: clean
clean: ## Remove what was built
	rm -rf bin dist .cache
