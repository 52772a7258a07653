package module

import (
	"fmt"
	"io"
)

// Description is what a module says of itself, fit for Envoy or not.
type Description struct {
	// ABI is the version of the Proxy-Wasm ABI, such as "0.2.1"; empty when the
	// module marks none that Envoy knows.
	ABI string
	// Allocator is the export through which Envoy hands it memory; empty when
	// there is none.
	Allocator string
	// EntryPoint is the export that starts it, _initialize or _start; empty when
	// there is none.
	EntryPoint string
	// StartFunction is the index of the function that runs at instantiation; nil
	// when there is none.
	StartFunction *uint32
	// Functions and Exports count what the module defines and exports.
	Functions int
	Exports   int
	// Imports are what the module asks its host for, in the file's order.
	Imports []Import
	// ImportsOmitted counts the imports beyond the first 1024.
	ImportsOmitted int
	// Memory is the module's first memory; nil when it has none.
	Memory *Memory
	// CustomSections are the first 64 custom sections.
	CustomSections []CustomSection
	// Producers are the tools that made it, as far as the module tells.
	Producers []Producer

	exports           map[string]export
	exportsMemory     bool
	importedFunctions uint32
	callbackTypes     map[string]string // signatures of the exported callbacks
	namesRead         bool              // the first name section has been read
	strangeABI        string            // first mark of an ABI that is not known
	strangeABIKind    byte
}

// Memory is a memory's size, in pages of 64 KiB.
type Memory struct {
	// Min is what it begins with.
	Min uint64
	// Max is what it may grow to; nil when nothing is declared.
	Max *uint64
	// Imported, Shared (between threads) and Wide (64-bit) memories are rare.
	Imported bool
	Shared   bool
	Wide     bool
}

// Describe reads what the module of the given size in bytes says of itself. It
// fails, with the same failures as Inspect, only when the file is not a
// WebAssembly module; whether Envoy can run it is Inspect's question.
func Describe(r io.ReaderAt, size int64) (*Description, error) {
	d := &Description{}
	if err := d.read(r, size); err != nil {
		return nil, classify(err)
	}
	return d, nil
}

// read fills the description, section by section.
func (d *Description) read(r io.ReaderAt, size int64) error {
	if err := checkHeader(r, size); err != nil {
		return err
	}
	c := &cursor{r: r}
	m, err := scan(c, size, func(name string, content span) error { return d.noteCustom(r, name, content) })
	if err != nil {
		return err
	}
	for _, step := range []func(*layout, *cursor) error{
		d.readImports, d.readMemory, d.readExports, d.readStart, d.readSignatures, d.readBodies,
	} {
		if err := step(m, c); err != nil {
			return err
		}
	}
	d.conclude()
	return nil
}

// conclude derives what follows from the sections together.
func (d *Description) conclude() {
	d.Allocator = d.firstFunction(allocators)
	d.EntryPoint = d.firstFunction(entryPoints)
	link(d.Imports, d.ABI)
}

// firstFunction returns the first of the names that is exported as a function.
func (d *Description) firstFunction(names []string) string {
	for _, name := range names {
		if e, ok := d.exports[name]; ok && e.kind == kindFunction {
			return name
		}
	}
	return ""
}

func (d *Description) readMemory(m *layout, c *cursor) error {
	return m.each(c.r, sectionMemory, func(c *cursor, _ uint32) error {
		memory, err := readLimits(c)
		d.noteMemory(memory)
		return err
	})
}

// noteMemory keeps the first memory.
func (d *Description) noteMemory(m Memory) {
	if d.Memory == nil {
		first := m
		d.Memory = &first
	}
}

func (d *Description) readStart(m *layout, c *cursor) error {
	content, ok := m.known[sectionStart]
	if !ok {
		return nil
	}
	c.reset(content.offset, content.size)
	index, err := c.u32()
	if err != nil || c.left() > 0 {
		return fmt.Errorf("start section: %d bytes that are not one number", content.size)
	}
	d.StartFunction = &index
	return nil
}
