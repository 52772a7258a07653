// SPDX-License-Identifier: Apache-2.0

// Package examples holds the sources of the example filters, of which wasmc init makes new ones.
package examples

import "embed"

// Go, Rust and AssemblyScript are the directories of the example in each language, with what a filter of its own needs.
var (
	//go:embed add-header/config.go add-header/config_test.go add-header/doc.go add-header/elsewhere.go add-header/filter.go
	//go:embed add-header/host.go add-header/memory.go add-header/schema.yaml add-header/tests.yaml
	Go embed.FS
	//go:embed add-header-rust/.gitignore add-header-rust/Cargo.lock add-header-rust/Cargo.toml add-header-rust/build.sh
	//go:embed add-header-rust/rust-toolchain.toml add-header-rust/schema.yaml add-header-rust/src add-header-rust/tests.yaml
	Rust embed.FS
	//go:embed add-header-assemblyscript/.gitignore add-header-assemblyscript/assembly add-header-assemblyscript/build.sh
	//go:embed add-header-assemblyscript/package-lock.json add-header-assemblyscript/package.json
	//go:embed add-header-assemblyscript/schema.yaml add-header-assemblyscript/tests.yaml
	AssemblyScript embed.FS
)
