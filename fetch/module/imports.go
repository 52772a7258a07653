package module

import (
	"fmt"
)

// maxImports is how many imports are looked at one by one. Envoy provides fewer
// than 200 functions, so a module with more cannot be satisfied.
const maxImports = 1024

// The kinds of what is imported or exported, by their code.
const (
	kindFunction = 0
	kindTable    = 1
	kindMemory   = 2
	kindGlobal   = 3
	kindTag      = 4
)

var kinds = [...]string{"function", "table", "memory", "global", "tag"}

// Import is one thing that a module asks its host for.
type Import struct {
	// Module and Name are the two parts of its name, such as env and proxy_log.
	// Each is cut after 128 bytes.
	Module string
	Name   string
	// Kind is function, table, memory, global or tag.
	Kind string
	// Signature of a function, such as (i32,i32)->i32; otherwise empty.
	Signature string
	// Since is the date (YYYY-MM-DD) since when Envoy's Proxy-Wasm host provides
	// it to this module; empty when no Envoy does.
	Since string
	// Envoy is the first release of Envoy, such as 1.39, that provides it; 1.36
	// stands for older ones too. Empty when none does.
	Envoy string
	// Problem says why Envoy cannot provide it; empty when it can.
	Problem string

	kind      byte
	typeIndex uint32
}

// readImports reads the import section.
func (d *Description) readImports(m *layout, c *cursor) error {
	return m.each(c.r, sectionImport, func(c *cursor, _ uint32) error {
		imported, memory, err := readImport(c)
		if err != nil {
			return err
		}
		if imported.kind == kindFunction {
			d.importedFunctions++
		}
		if imported.kind == kindMemory {
			d.noteMemory(memory)
		}
		if len(d.Imports) >= maxImports {
			d.ImportsOmitted++
			return nil
		}
		d.Imports = append(d.Imports, imported)
		return nil
	})
}

// readImport reads one entry of the import section, with the limits of a memory.
func readImport(c *cursor) (imported Import, memory Memory, err error) {
	if imported.Module, err = c.name(); err != nil {
		return imported, memory, fmt.Errorf("module's name: %w", err)
	}
	if imported.Name, err = c.name(); err != nil {
		return imported, memory, fmt.Errorf("name: %w", err)
	}
	if imported.kind, err = c.byte(); err != nil {
		return imported, memory, err
	}
	if int(imported.kind) >= len(kinds) {
		return imported, memory, fmt.Errorf("at byte %d: unknown kind of import 0x%02x", c.pos-1, imported.kind)
	}
	imported.Kind = kinds[imported.kind]
	memory, err = imported.readType(c)
	return imported, memory, err
}

// readType reads what is imported, behind its kind.
func (i *Import) readType(c *cursor) (memory Memory, err error) {
	switch i.kind {
	case kindFunction:
		i.typeIndex, err = c.u32()
	case kindTable:
		if _, err = valueType(c); err == nil {
			_, err = readLimits(c)
		}
	case kindMemory:
		memory, err = readLimits(c)
		memory.Imported = true
	case kindGlobal:
		if _, err = valueType(c); err == nil {
			_, err = c.byte() // mutability
		}
	case kindTag:
		if _, err = c.byte(); err == nil { // attribute
			err = c.skipNumber()
		}
	}
	return memory, err
}

// readLimits reads the limits of a memory or table.
func readLimits(c *cursor) (m Memory, err error) {
	flags, err := c.byte()
	if err != nil {
		return m, err
	}
	if flags > 7 {
		return m, fmt.Errorf("at byte %d: unknown limits 0x%02x", c.pos-1, flags)
	}
	m.Shared, m.Wide = flags&2 != 0, flags&4 != 0
	if m.Min, err = c.uint(64); err != nil || flags&1 == 0 {
		return m, err
	}
	highest, err := c.uint(64)
	m.Max = &highest
	return m, err
}
