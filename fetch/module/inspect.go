// SPDX-License-Identifier: Apache-2.0

package module

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/failure"
)

// MaxSize is the size in bytes of the largest module that Envoy's remote loader can take.
const MaxSize = 32 << 20

// Info is what the store knows of a module.
type Info struct {
	// SHA256 of the module's bytes, lower-case hex.
	SHA256 string
	// Size in bytes.
	Size int64
	// ABI is the version of the Proxy-Wasm ABI, such as "0.2.1".
	ABI string
	// CodeBytes is the size of its code, without data and debug sections; 0 when it is not known.
	CodeBytes int64
	// Schema is where it carries the schema of its configuration.
	Schema Schema
}

// compiledPerSecond is how many bytes of code a proxy compiles in a second of processor time: 0.66 to 0.77 MB of modules
// of 0.1, 2.1 and 13.2 MB of code (docs/decisions, what the size of a module costs).
const compiledPerSecond = 700_000

// CompileTime is about how long a proxy compiles the module, on its main thread and with a processor for itself; 0 when
// that is not known.
func (i Info) CompileTime() time.Duration {
	return time.Duration(i.CodeBytes) * time.Second / compiledPerSecond
}

// TooLarge is the refusal of a module above a limit in bytes.
func TooLarge(limit int64) *failure.Error {
	size := fmt.Sprintf("%d bytes", limit)
	if limit%(1<<20) == 0 {
		size = fmt.Sprintf("%d MiB", limit>>20)
	}
	return failure.Terminalf(v1alpha1.ReasonTooLarge,
		"the module is larger than the limit of %s: build it smaller, stripped of debug sections and optimised for size", size)
}

// Inspect checks that Envoy can load the module of the given size in bytes, and returns what it is, without its SHA256.
//
// A refusal is a terminal *failure.Error of reason NotWasm, Component, NotProxyWasm or UnknownImport that says what is
// missing and what to do. If r itself cannot be read, the failure is transient, of reason StoreFailed.
func Inspect(r io.ReaderAt, size int64) (Info, error) {
	d, err := Describe(r, size)
	if err != nil {
		return Info{}, err
	}
	if err := d.check(); err != nil {
		return Info{}, err
	}
	return Info{Size: size, ABI: d.ABI, CodeBytes: d.CodeBytes, Schema: d.Schema}, nil
}

// classify makes a failure of an error met while parsing a module.
func classify(err error) *failure.Error {
	if classified, ok := errors.AsType[*failure.Error](err); ok {
		return classified
	}
	if unreadable, ok := errors.AsType[readError](err); ok {
		return failure.Transientf(v1alpha1.ReasonStoreFailed, "read the module: %w", unreadable.error)
	}
	return failure.Terminalf(v1alpha1.ReasonNotWasm,
		"not a valid WebAssembly module: %w; the file is damaged or cut short, build or upload it again", err)
}

// maxNamed is how many missing imports a refusal names one by one.
const maxNamed = 10

const (
	remedy       = "build it with a Proxy-Wasm SDK"
	importRemedy = remedy + ", for Envoy, and without what needs files, sockets or another host"
)

// check refuses a module that Envoy would not load, for the first reason that it finds.
func (d *Description) check() error {
	return cmp.Or(d.checkABI(), d.checkAllocator(), d.checkImports(), d.checkCallbacks(), d.checkMemory())
}

func notProxyWasm(format string, args ...any) error {
	return failure.Terminalf(v1alpha1.ReasonNotProxyWasm, format, args...)
}

func (d *Description) checkABI() error {
	known := strings.Join(slices.Sorted(maps.Keys(abiVersions)), ", ")
	marker := printable(d.unknownABI.name)
	switch {
	case d.ABI != "":
		return nil
	case marker == "":
		return notProxyWasm("not a Proxy-Wasm module: it exports no function %s; %s", known, remedy)
	case d.unknownABI.kind != kindFunction:
		return notProxyWasm("not a Proxy-Wasm module: its export %s is not a function; %s", marker, remedy)
	}
	if fork := forks[d.unknownABI.name]; fork != "" {
		return notProxyWasm("a Proxy-Wasm module for %s: it exports %s, Istio's Envoy looks for %s; "+
			"build it with an SDK for one of these, or run it there", fork, marker, known)
	}
	return notProxyWasm(
		"a Proxy-Wasm module of an ABI that Envoy does not know: it exports %s, Envoy looks for %s; build it with an SDK for one of these", marker, known)
}

func (d *Description) checkAllocator() error {
	if d.Allocator != "" {
		return nil
	}
	return notProxyWasm(
		"a Proxy-Wasm module without an allocator: it exports neither function %s, so Envoy cannot hand it any data; %s, or keep the export when linking or optimizing",
		strings.Join(allocators, " nor "), remedy)
}

// checkCallbacks refuses an export that Envoy calls by name but whose type is not the expected one.
func (d *Description) checkCallbacks() error {
	for _, c := range callbacks {
		e := d.exports[c.name]
		if e == nil || e.signature == c.signature || len(c.abis) > 0 && !slices.Contains(c.abis, d.ABI) || !d.isCalled(c.name) {
			continue
		}
		return notProxyWasm(
			"a Proxy-Wasm module whose export %s has a signature that Envoy refuses: want %s for ABI %s, module has %s; build it with an SDK for this ABI",
			c.name, c.signature, d.ABI, e.signature)
	}
	return nil
}

// isCalled reports whether Envoy calls an export of this module: it calls some only in the absence of others.
func (d *Description) isCalled(name string) bool {
	switch name {
	case "proxy_on_memory_allocate":
		return d.Allocator == name
	case "_start":
		return d.EntryPoint == name
	case "main", "__main_void":
		return d.EntryPoint == "_initialize"
	}
	return true
}

// checkMemory refuses a module whose memory Envoy cannot find: it would crash.
func (d *Description) checkMemory() error {
	if d.hasMemory && (d.exportsMemory || d.importsMemory) {
		return nil
	}
	return notProxyWasm("a Proxy-Wasm module that does not export its memory, so Envoy cannot hand it any data; export it as memory")
}

func (d *Description) checkImports() error {
	missing := d.ImportsOmitted
	var named []string
	for _, i := range d.Imports {
		if i.Problem == "" {
			continue
		}
		missing++
		if len(named) < maxNamed {
			named = append(named, fmt.Sprintf("%s (%s)", i.fullName(), i.Problem))
		}
	}
	if missing == 0 {
		return nil
	}
	switch more := missing - len(named); {
	case len(named) == 0:
		named = append(named, fmt.Sprintf("%d imports beyond the first %d", more, maxImports))
	case more > 0:
		named = append(named, fmt.Sprintf("and %d more", more))
	}
	return failure.Terminalf(v1alpha1.ReasonUnknownImport,
		"the module imports what Envoy does not provide: %s; %s", strings.Join(named, ", "), importRemedy)
}

// printable replaces control characters and invalid UTF-8.
func printable(name string) string {
	return strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, name)
}
