#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# compare.sh CHECKOUT prints how many cases of each sample's test files pass, as a table of Markdown, and what fails below it.
# CHECKOUT is one of github.com/GoogleCloudPlatform/service-extensions at the commit in README.md. It builds the samples in
# Go and Rust, which takes some minutes, and wants wasmc, go, and cargo with the target wasm32-wasip1.
set -euo pipefail

samples=$(cd "$1/plugins/samples" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
target=${CARGO_TARGET_DIR:-$work/rust/target}
mkdir "$work"/{go,rust,report}

# The versions are those of plugins/WORKSPACE and plugins/bazel/cargo, but for the SDK in Go, of which that one has gone.
cat >"$work/go/go.mod" <<'MOD'
module samples

go 1.24

require (
	github.com/golang-jwt/jwt/v5 v5.2.1
	github.com/proxy-wasm/proxy-wasm-go-sdk v0.0.0-20250212164326-ab4161dcf924
)
MOD
cat >"$work/rust/Cargo.toml" <<'TOML'
[package]
name = "samples"
version = "0.0.0"
edition = "2018"

[lib]
path = "lib.rs"

[dependencies]
proxy-wasm = "=0.2.1"
log = "0.4"
regex = "=1.9.6"
url = "=2.4.1"
lol_html = "=2.0.0"
serde = { version = "1.0", features = ["derive"] }
serde_json = "1.0"
uuid = { version = "=1.12.1", features = ["v4"] }

[profile.release]
opt-level = 1
panic = "abort"
strip = "debuginfo"
TOML
touch "$work/rust/lib.rs"

for plugin in "$samples"/*/plugin.go; do
	name=$(basename "$(dirname "$plugin")")
	mkdir "$work/go/$name" && cp "$plugin" "$work/go/$name/"
done
for plugin in "$samples"/*/plugin.rs; do
	printf '\n[[example]]\nname = "%s"\npath = "%s"\ncrate-type = ["cdylib"]\n' "$(basename "$(dirname "$plugin")")" "$plugin" >>"$work/rust/Cargo.toml"
done
(
	cd "$work/go" && GOFLAGS=-mod=mod go mod tidy
	for dir in */; do
		GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -ldflags='-s -w' -o "${dir%/}.wasm" "./$dir"
	done
	cd "$work/rust" && CARGO_TARGET_DIR=$target cargo build --release --examples --target wasm32-wasip1
) >&2

# tests BUILD prints the test files that the sample's BUILD has, each with its configuration or -.
tests() {
	awk '/^proxy_wasm_tests\(/ {in_tests = 1; config = "-"}
		in_tests && /config = / {gsub(/[":,]/, ""); config = $3}
		in_tests && / tests = / {gsub(/[":,]/, ""); file = $3}
		/^\)/ && in_tests {print file, config; in_tests = 0}' "$1"
}

# result MODULE TESTS CONFIG LANGUAGE prints passed/all, - without a module, and * if Google does not run them on it.
result() {
	if [ ! -f "$1" ]; then
		echo -
		return
	fi
	local arguments=() report all failed
	[ "$3" = - ] || arguments=(--config "$3")
	report=$work/report/$(basename "$(dirname "$2")")-$(basename "$2")-$4.txt
	wasmc test "$1" -f "$2" "${arguments[@]}" >"$report" || true
	all=$(grep -c -e '^ok  ' -e '^FAIL' "$report") || true
	failed=$(grep -c '^FAIL' "$report") || true
	printf '%d/%d' $((all - failed)) "$all"
	grep -q ":plugin_$4.wasm" "$(dirname "$2")/BUILD" || printf '*'
	echo
}

echo '| test file | Go | Rust |'
echo '|---|---|---|'
for build in "$samples"/*/BUILD; do
	dir=$(dirname "$build") && name=$(basename "$dir")
	tests "$build" | while read -r file config; do
		[ "$config" = - ] || config=$dir/$config
		in_go=$(result "$work/go/$name.wasm" "$dir/$file" "$config" go)
		in_rust=$(result "$target/wasm32-wasip1/release/examples/$name.wasm" "$dir/$file" "$config" rust)
		[ "$in_go$in_rust" = -- ] || echo "| \`$name/$file\` | $in_go | $in_rust |"
	done
done
echo
for report in "$work"/report/*; do
	! grep -q '^FAIL' "$report" || { basename "$report" .txt && grep -v -e '^ok' -e '^note' "$report"; }
done
