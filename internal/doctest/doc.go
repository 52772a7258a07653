// SPDX-License-Identifier: Apache-2.0

// Package doctest runs the commands of the documentation as they are written. Each fenced block of commands in README.md,
// CONTRIBUTING.md, SECURITY.md and docs/*.md has a comment on the line above it that says which test runs it, or why none does:
//
//	<!-- test: kustomize -->
//	```console
//	$ kubectl apply -k .
//	configmap/example-filter-bt725kc6b5 created
//	```
//
// Blocks of one name are a section. Some test runs it, by Shell.Run(t, doctest.Section("kustomize")): all blocks of all pages that
// have the name, by page and position, in one shell with set -euo pipefail. It stays so when a block moves to another page.
//
//   - console: commands, each after "$ " and with what it prints, which is compared. A line "…" stands for any lines.
//     Nothing is compared for a command without output.
//   - sh: commands alone.
//   - yaml, and others: files, each after a line "# NAME", which are there before the first command.
//   - text: what the last command before it prints.
//
// What differs from run to run, such as a time or a digest, is masked in both before they are compared (masks.go). What
// a page calls registry.example is another host in a test: the Shell says what stands for what, in the commands and,
// the other way round, in what they print.
//
// A marker may have options after the name. With "fails" the last command of the block has to fail. With "eventually" a
// command is repeated until it succeeds and prints what the page shows. With "repeated" a command that an earlier block of the section
// has, too, is not run again, as that of another page which installs the same.
//
// With UPDATE_DOCS=1 in the environment of a test, pages get the output that commands have.
package doctest
