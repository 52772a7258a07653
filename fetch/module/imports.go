// SPDX-License-Identifier: Apache-2.0

package module

import (
	"fmt"
	"slices"
	"strings"
)

// maxImports is how many imports are kept. A module with more cannot be linked: Envoy has fewer than 200 functions.
const maxImports = 1024

// The kinds of imports and exports.
const (
	kindFunction = 0
	kindTable    = 1
	kindMemory   = 2
	kindGlobal   = 3
	kindTag      = 4
)

var kinds = [...]string{"function", "table", "memory", "global", "tag"}

// Import is one import of a module.
type Import struct {
	// Module and Name are the two parts of its name, such as env and proxy_log. Each is cut after 128 bytes.
	Module string
	Name   string
	// Kind is function, table, memory, global or tag.
	Kind string
	// Signature of a function, such as (i32,i32)->i32; otherwise empty.
	Signature string
	// Since is the date (YYYY-MM-DD) since when Envoy provides it to this module; empty if no Envoy does.
	Since string
	// Envoy is the first release, such as 1.39, that provides it; 1.36 stands for older ones too. Empty if none does.
	Envoy string
	// Problem says why Envoy cannot provide it; empty if it can.
	Problem string

	kind      byte
	typeIndex uint32
}

// fullName is how messages name an import.
func (i *Import) fullName() string { return printable(i.Module + "." + i.Name) }

func (p *parser) readImports() {
	p.readEntries(sectionImport, func() {
		imported := p.readImport()
		switch imported.kind {
		case kindFunction:
			p.d.importedFunctions++
		case kindMemory:
			p.d.importsMemory, p.d.hasMemory = true, true
		}
		if len(p.d.Imports) < maxImports {
			p.d.Imports = append(p.d.Imports, imported)
		} else {
			p.d.ImportsOmitted++
		}
	})
}

func (r *reader) readImport() Import {
	i := Import{Module: r.name("module's name"), Name: r.name("name"), kind: r.byte()}
	if int(i.kind) >= len(kinds) {
		r.failf("at byte %d: unknown kind of import 0x%02x", r.pos-1, i.kind)
		return i
	}
	i.Kind = kinds[i.kind]
	switch i.kind {
	case kindFunction:
		i.typeIndex = r.u32()
	case kindTable:
		r.valueType()
		r.skipLimits()
	case kindMemory:
		r.skipLimits()
	case kindGlobal:
		r.valueType()
		r.byte() // mutability
	case kindTag:
		r.byte() // attribute
		r.skipInteger()
	}
	return i
}

// skipLimits steps over the limits of a memory or table.
func (r *reader) skipLimits() {
	const hasMax, highest = 1, 7 // the other flags: shared, 64-bit
	flags := r.byte()
	if flags > highest {
		r.failf("at byte %d: unknown limits 0x%02x", r.pos-1, flags)
	}
	r.uint(64) // minimum
	if flags&hasMax != 0 {
		r.uint(64)
	}
}

// link finds for each import of a module of the given ABI whether Envoy provides it.
func link(imports []Import, abi string) {
	seen := map[byte]bool{}
	for n := range imports {
		i := &imports[n]
		switch i.kind {
		case kindFunction:
			i.linkFunction(abi)
		case kindMemory, kindTable:
			i.linkStorage(seen[i.kind])
			seen[i.kind] = true
		default:
			i.Problem = "Envoy provides no " + i.Kind
		}
	}
}

// linkStorage accepts one memory and one table, which Envoy creates whatever their name. It crashes on a second one.
func (i *Import) linkStorage(again bool) {
	if again {
		i.Problem = "Envoy provides only one " + i.Kind
		return
	}
	i.Since, i.Envoy = "2020-08-04", envoy136
}

func (i *Import) linkFunction(abi string) {
	f, ok := hostFunctions[i.Module+"."+i.Name]
	switch {
	case !ok:
		i.Problem = "no Envoy up to " + newestEnvoy + " provides it"
	case len(f.abis) > 0 && !slices.Contains(f.abis, abi):
		i.Problem = fmt.Sprintf("Envoy provides it to ABI %s, not to %s", strings.Join(f.abis, " and "), abi)
	case f.signature != i.Signature:
		i.Problem = fmt.Sprintf("signature mismatch: want %s, module has %s", f.signature, i.Signature)
	default:
		i.Since, i.Envoy = f.since, f.envoy
	}
}
