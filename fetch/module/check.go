package module

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/failure"
)

// maxNamed is how many missing imports a refusal names one by one.
const maxNamed = 10

const (
	remedy       = "build it with a Proxy-Wasm SDK"
	importRemedy = remedy + ", for Envoy, and without what needs files, sockets or another host"
)

// check refuses a module that Envoy would not load.
func (d *Description) check() error {
	for _, check := range []func() error{
		d.checkABI, d.checkAllocator, d.checkImports, d.checkCallbacks, d.checkMemory,
	} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (d *Description) checkABI() error {
	switch {
	case d.ABI != "":
		return nil
	case d.strangeABI == "":
		return failure.Terminalf(v1alpha1.ReasonNotProxyWasm,
			"not a Proxy-Wasm module: it exports no function %s; %s", strings.Join(abiNames(), ", "), remedy)
	case d.strangeABIKind != kindFunction:
		return failure.Terminalf(v1alpha1.ReasonNotProxyWasm,
			"not a Proxy-Wasm module: its export %s is not a function; %s", printable(d.strangeABI), remedy)
	}
	return failure.Terminalf(v1alpha1.ReasonNotProxyWasm,
		"a Proxy-Wasm module of an ABI that Envoy does not know: it exports %s, Envoy looks for %s; build it with an SDK for one of these",
		printable(d.strangeABI), strings.Join(abiNames(), ", "))
}

// abiNames are the marks of the known ABIs, in order.
func abiNames() []string {
	names := make([]string, 0, len(abiVersions))
	for name := range abiVersions {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (d *Description) checkAllocator() error {
	if d.Allocator != "" {
		return nil
	}
	return failure.Terminalf(v1alpha1.ReasonNotProxyWasm,
		"a Proxy-Wasm module without an allocator: it exports neither function %s, so Envoy cannot hand it any data; %s, or keep the export when linking or optimizing",
		strings.Join(allocators, " nor "), remedy)
}

// checkCallbacks refuses an export that Envoy calls by name but whose type is
// not the expected one.
func (d *Description) checkCallbacks() error {
	for _, c := range callbacks {
		got, exported := d.callbackTypes[c.name]
		if !exported || got == c.signature || len(c.abis) > 0 && !slices.Contains(c.abis, d.ABI) || !d.isCalled(c.name) {
			continue
		}
		return failure.Terminalf(v1alpha1.ReasonNotProxyWasm,
			"a Proxy-Wasm module whose export %s has a signature that Envoy refuses: want %s for ABI %s, module has %s; build it with an SDK for this ABI",
			c.name, c.signature, d.ABI, got)
	}
	return nil
}

// isCalled says whether Envoy looks at a callback of this module: some stand in
// for others that are absent.
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
	if d.Memory != nil && (d.exportsMemory || d.Memory.Imported) {
		return nil
	}
	return failure.Terminalf(v1alpha1.ReasonNotProxyWasm,
		"a Proxy-Wasm module that does not export its memory, so Envoy cannot hand it any data; export it as memory")
}

// checkImports names every import that no Envoy can satisfy.
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

// fullName is how messages name an import.
func (i *Import) fullName() string { return printable(i.Module + "." + i.Name) }

// printable keeps what a file says from garbling a message.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
}
