#!/usr/bin/env bash
# Builds add-header.wasm. The bytes are the same on every machine: package-lock.json names the compiler and the SDK.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

npm ci --ignore-scripts --no-audit --no-fund
npm run build
