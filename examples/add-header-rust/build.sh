#!/usr/bin/env bash
# Builds add-header.wasm. The bytes are the same on every machine: rust-toolchain.toml names the compiler, Cargo.lock
# the crates, and the paths of this machine are left out.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

separator=$'\x1f' # paths may have blanks
export CARGO_ENCODED_RUSTFLAGS="--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=cargo${separator}--remap-path-prefix=$PWD=."
unset RUSTFLAGS
cargo build --locked --release --target wasm32-wasip1 --target-dir target
cp target/wasm32-wasip1/release/add_header.wasm add-header.wasm
