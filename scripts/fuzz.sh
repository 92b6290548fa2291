#!/usr/bin/env bash
# Fuzz every target of the packages that changed since BASE, FUZZTIME seconds in
# all. Seeds of every target run in `go test` anyway.
set -euo pipefail
cd "$(dirname "$0")/.."
total=${FUZZTIME:-120}
base=${BASE:-$(git rev-list -1 --before='4 hours ago' HEAD)}
[ -n "$base" ] || base=$(git hash-object -t tree /dev/null)

targets=()
for dir in $(git diff --name-only "$base" -- '*.go' | xargs -r -n1 dirname | sort -u); do
	[ -d "$dir" ] || continue
	for t in $(grep -hoE '^func Fuzz[A-Za-z0-9_]+' "$dir"/*_test.go 2>/dev/null | cut -c6-); do
		targets+=("$dir $t")
	done
done
if [ ${#targets[@]} -eq 0 ]; then
	echo "no package with a fuzz target changed since $base"
	exit 0
fi
each=$((total / ${#targets[@]}))
[ "$each" -ge 2 ] || each=2
echo "${#targets[@]} targets, $each s each"
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# run fuzzes one target. The toolchain sometimes reports the end of the time as
# a failure ("context deadline exceeded", without a failing input; go.dev/issue/75804,
# mended in Go 1.27): that is no finding, and is told as such.
run() {
	local tags=()
	if grep -q '^//go:build duckdb' "$1"/*_test.go; then
		command -v g++ >/dev/null || { echo "skipped: no g++" >"$log"; return; }
		tags=(-tags duckdb)
		export CGO_ENABLED=1
	fi
	go test "${tags[@]}" -run '^$' -fuzz "^$2\$" -fuzztime "${each}s" -fuzzminimizetime 1x -parallel 2 "./$1" >"$log" 2>&1 && return
	if grep -q 'context deadline exceeded' "$log" && ! grep -q 'Failing input' "$log"; then
		echo "(the clock ran out inside an execution; no failing input)" >>"$log"
		return
	fi
	cat "$log"
	return 1
}

for t in "${targets[@]}"; do
	read -r dir name <<<"$t"
	run "$dir" "$name"
	echo "$dir $name: $(grep -E 'elapsed|clock|skipped' "$log" | tail -n 1)"
done
