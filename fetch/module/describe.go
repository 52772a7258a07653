// SPDX-License-Identifier: Apache-2.0

package module

import "io"

// Description is what a module says of itself, fit for Envoy or not.
type Description struct {
	// ABI is the version of the Proxy-Wasm ABI, such as "0.2.1"; empty if it is none that Envoy knows.
	ABI string
	// Allocator is the export through which Envoy allocates memory in the module; empty if there is none.
	Allocator string
	// EntryPoint is the export that initializes the module, _initialize or _start; empty if there is none.
	EntryPoint string
	// Imports in the file's order, the first 1024.
	Imports []Import
	// ImportsOmitted counts the imports beyond the first 1024.
	ImportsOmitted int
	// CodeBytes is the size of the code section.
	CodeBytes int64
	// Producers are the tools that made the module, the first 64, as far as its producers section is valid.
	Producers []Producer
	// Schema of the configuration.
	Schema Schema

	functions         uint32             // that the module defines
	importedFunctions uint32             // including the omitted ones
	exports           map[string]*export // that Envoy looks for, by name
	unknownABI        abiMarker          // the first marker that is not of a known ABI
	hasMemory         bool               // defined or imported
	importsMemory     bool               // the first memory is imported
	exportsMemory     bool
}

// Describe reads what the module of the given size in bytes says of itself. It fails, with the same failures as
// [Inspect], only if the file is not a WebAssembly module; whether Envoy can run the module is for Inspect to say.
func Describe(r io.ReaderAt, size int64) (*Description, error) {
	if err := checkPreamble(r, size); err != nil {
		return nil, classify(err)
	}
	p := &parser{
		reader:   reader{file: r},
		d:        &Description{exports: map[string]*export{}},
		sections: map[byte]span{},
	}
	p.parse(size)
	if p.err != nil {
		return nil, classify(p.err)
	}
	p.d.conclude()
	return p.d, nil
}

// parse reads all sections that matter. After an error each step does nothing.
func (p *parser) parse(size int64) {
	p.readSections(size)
	p.readImports()
	p.readMemories()
	p.readExports()
	p.checkStart()
	p.readSignatures()
	p.checkBodies()
}

// conclude derives what follows from the sections together.
func (d *Description) conclude() {
	d.Allocator = d.firstExport(allocators)
	d.EntryPoint = d.firstExport(entryPoints)
	link(d.Imports, d.ABI)
}

func (d *Description) firstExport(names []string) string {
	for _, name := range names {
		if d.exports[name] != nil {
			return name
		}
	}
	return ""
}

func (p *parser) readMemories() {
	p.readEntries(sectionMemory, func() {
		p.skipLimits()
		p.d.hasMemory = true
	})
}

// checkStart checks that the start section is the index of one function.
func (p *parser) checkStart() {
	content, ok := p.sections[sectionStart]
	if !ok || p.err != nil {
		return
	}
	p.seek(content)
	if p.u32(); p.err != nil {
		p.within("start section")
	}
	if p.left() > 0 {
		p.failf("start section: %d bytes that are not one number", content.size)
	}
}

// checkBodies checks that every declared function has a body. To validate these takes an engine.
func (p *parser) checkBodies() {
	var bodies uint32
	if content, ok := p.sections[sectionCode]; ok && p.err == nil {
		p.d.CodeBytes = content.size
		p.seek(content)
		if bodies = p.u32(); p.err != nil {
			p.within("code section")
		}
	}
	if bodies != p.d.functions {
		p.failf("it declares %d functions and holds the code of %d", p.d.functions, bodies)
	}
}

const maxProducers = 64

// functionNames is the id of the subsection of a name section that names functions.
const functionNames = 1

// Producer is a tool that took part in making a module.
type Producer struct {
	// Field is language, processed-by or sdk.
	Field string
	// Name and Version of the tool, such as Go and go1.26.0.
	Name    string
	Version string
}

func (p *parser) readCustom(content span) {
	p.seek(content)
	name := p.name("name of a custom section")
	switch {
	case p.err != nil:
	case name == "name" && !p.namesRead:
		p.namesRead = true
		if p.checkNames(); p.err != nil {
			p.within("name section")
		}
	case name == "producers" && p.d.Producers == nil:
		p.d.Producers = readProducers(&reader{file: p.file, pos: p.pos, end: p.end})
	case name == SchemaSection && p.d.Schema == (Schema{}):
		p.d.Schema = Schema{p.pos, p.left()}
	}
}

// checkNames walks a name section's function names: Envoy reads them for its backtraces, and refuses faults in them.
func (r *reader) checkNames() {
	for r.left() > 0 && r.err == nil {
		id, content := r.byte(), r.sized()
		if id == functionNames {
			r.pos = content.offset
			r.checkFunctionNames(content.end())
		}
	}
}

func (r *reader) checkFunctionNames(end int64) {
	r.vector(func() {
		r.u32()   // index of the function
		r.sized() // its name
	})
	if r.pos != end {
		r.failf("at byte %d: the function names end at byte %d", r.pos, end)
	}
}

// readProducers reads a producers section, nil if there is a fault in it: nothing depends on it.
func readProducers(r *reader) []Producer {
	var producers []Producer
	r.vector(func() {
		field := r.name("field")
		r.vector(func() {
			producer := Producer{field, r.name("name"), r.name("version")}
			if len(producers) < maxProducers {
				producers = append(producers, producer)
			}
		})
	})
	if r.err != nil {
		return nil
	}
	return producers
}
