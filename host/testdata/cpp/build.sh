#!/usr/bin/env bash
# Builds wasi.wasm with clang, and emscripten.wasm with emscripten, by Debian 12's packages clang-14, lld-14, llvm-14, wasi-libc,
# libclang-rt-14-dev-wasm32, libc++-14-dev-wasm32, libc++abi-14-dev-wasm32 and emscripten, and ties both to the source.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

flags=(-std=c++17 -Oz -fno-exceptions -fno-rtti)
# Linked without -Oz, with which clang runs a wasm-opt that it finds, and loses the names of functions.
clang++-14 --target=wasm32-wasi "${flags[@]}" -c -o filter.o filter.cc
clang++-14 --target=wasm32-wasi -mexec-model=reactor -Wl,--export=malloc -o wasi.wasm filter.o
llvm-strip-14 --strip-debug wasi.wasm
rm filter.o
em++ "${flags[@]}" --no-entry --profiling-funcs -sSTANDALONE_WASM -sEXPORTED_FUNCTIONS=_malloc -sALLOW_MEMORY_GROWTH=1 \
	-sERROR_ON_UNDEFINED_SYMBOLS=0 -o emscripten.wasm filter.cc
cd ../../.. && go run ./examples/mark host/testdata/cpp
