#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# go-build.sh WHAT DIR [argument]... runs `go build -v` with these arguments in the module at DIR and says every few
# seconds what it compiles, as package build does. make has it for the programs that package build is part of.
set -euo pipefail

what=$1 dir=$2
shift 2
log=$(mktemp)

# progress writes the time and what the last line of the log is about, until it is killed.
progress() {
	while sleep 5 >&- 2>&-; do
		echo "building $what … ${SECONDS}s$(detail)"
	done 2>&-
}

detail() {
	last=$(tail -n 1 "$log")
	case $last in
	'') ;;
	'go: '*) echo ", ${last#go: }" ;;
	*) echo ", compiling package $(grep -vc '[ :]' "$log"), $last" ;;
	esac
}

echo "building $what … 0s"
progress &
trap 'kill $!; rm -f "$log"' EXIT
if ! go build -C "$dir" -v "$@" >"$log" 2>&1; then
	grep '[ :]' "$log" | grep -v '^go: downloading ' >&2 # not the names of packages either
	exit 1
fi
echo "building $what … done after ${SECONDS}s"
