//go:build !wasip1

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
)

// main says what to do when the filter is built as a program.
func main() {
	fmt.Fprintln(os.Stderr, "add-header runs inside Envoy; build it with: GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -ldflags='-s -w' -o add-header.wasm .")
	os.Exit(2)
}
