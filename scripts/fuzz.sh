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
for t in "${targets[@]}"; do
	read -r dir name <<<"$t"
	go test -run '^$' -fuzz "^$name\$" -fuzztime "${each}s" -parallel 2 "./$dir" | tail -n 2
done
