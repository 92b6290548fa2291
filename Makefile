# Everything a contributor types. `make help` lists it.
BIN  := bin/mirrorwall
EXAM ?= ../shared/exam
export CGO_ENABLED ?= 0
# The embedded log store is C++ linked by cgo, under the build tag duckdb.
CXX_FOUND   := $(shell command -v g++)
DUCKDB_PKGS := ./internal/store/... ./internal/cli ./cmd/mirrorwall
ifneq ($(CXX_FOUND),)
BUILD := CGO_ENABLED=1 go build -tags duckdb
else
BUILD := go build
endif

.PHONY: help build static run test check race fuzz exam differential bench bench-peer golden e2e clean

help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

build: ## build bin/mirrorwall; with the embedded log store where there is a C++ compiler
	$(BUILD) -trimpath -o $(BIN) ./cmd/mirrorwall

static: ## build bin/mirrorwall, one static binary without the embedded log store
	CGO_ENABLED=0 go build -trimpath -o $(BIN) ./cmd/mirrorwall

run: build ## build and play the demo: generated traffic, real detection
	./$(BIN) demo

test: ## run the tests; those of the embedded log store too where there is a C++ compiler
	go test ./...
ifneq ($(CXX_FOUND),)
	CGO_ENABLED=1 go test -tags duckdb $(DUCKDB_PKGS)
else
	@echo "skipped: the tests of the embedded log store: no g++ (apt-get install g++)"
endif

check: ## gofmt, vet, staticcheck
	@test -z "$$(gofmt -l . | tee /dev/stderr)" || { echo "hint: gofmt -w ." >&2; exit 1; }
	go vet ./...
	go tool staticcheck ./...
ifneq ($(CXX_FOUND),)
	CGO_ENABLED=1 go vet -tags duckdb $(DUCKDB_PKGS) ./bench/...
	CGO_ENABLED=1 go tool staticcheck -tags duckdb $(DUCKDB_PKGS) ./bench/...
endif

race: ## run the tests with the race detector and the invariants (needs gcc)
	CGO_ENABLED=1 go test -race -tags invariants ./...

fuzz: ## fuzz the packages that changed since BASE, FUZZTIME in all (default 120s)
	scripts/fuzz.sh

exam: build ## the public captures with the right answers, against bench/floors.json
	scripts/exam.py --exam $(EXAM) --bin $(BIN)

differential: ## our alerts against the peer's on every capture of EXAM; see bench/differential.md
	go build -trimpath -o .cache/differential/ours ./bench/differential
	scripts/differential.py --exam $(EXAM) --ours .cache/differential/ours --peer .cache/peer/suricata $(DIFFFLAGS)

bench: ## Go benchmarks of the packet path
	go test -run '^$$' -bench . -benchmem ./internal/...

bench-peer: build ## side by side with the peer (downloads it into .cache/peer)
	test -x .cache/peer/suricata || $(EXAM)/get-suricata.sh .cache/peer
	$(EXAM)/exam.py bench --bin $(BIN) --vxlan --suricata $(CURDIR)/.cache/peer/suricata $(BENCHFLAGS)

golden: ## write the golden files anew; read the diff before you commit
	go test $$(grep -rlE --include='*_test.go' 'flag.Bool\("update"' cmd internal rules | xargs -n1 dirname | sort -u | sed 's|^|./|') -update

e2e: build ## end to end over network namespaces (needs root)
	go test -count=1 -run 'E2E|Netns' -v ./internal/... ./cmd/...

clean: ## remove what was built
	rm -rf bin .cache
