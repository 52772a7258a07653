package module

import (
	"fmt"
	"io"
)

// What is kept of custom sections and producers at the most.
const (
	maxCustomSections = 64
	maxProducers      = 64
)

// functionNames is the id of the part of a name section that names functions.
const functionNames = 1

// CustomSection is a section that engines ignore.
type CustomSection struct {
	// Name, cut after 128 bytes, such as name or producers.
	Name string
	// Size of its content in bytes.
	Size int64
}

// Producer is a tool that took part in making a module.
type Producer struct {
	// Field is language, processed-by or sdk.
	Field string
	// Name and Version of the tool, such as Go and go1.26.0.
	Name    string
	Version string
}

// noteCustom takes up a custom section and looks into those that mean something.
func (d *Description) noteCustom(r io.ReaderAt, name string, content span) error {
	if len(d.CustomSections) < maxCustomSections {
		d.CustomSections = append(d.CustomSections, CustomSection{name, content.size})
	}
	switch {
	case name == "name" && !d.namesRead:
		d.namesRead = true
		return checkNames(newCursor(r, content))
	case name == "producers" && d.Producers == nil:
		d.noteProducers(newCursor(r, content))
	}
	return nil
}

// checkNames walks the names of functions. Engines ignore faults in them, but
// Envoy refuses the module: it reads them for its backtraces.
func checkNames(c *cursor) error {
	for c.left() > 0 {
		id, err := c.byte()
		if err != nil {
			return err
		}
		content, err := c.span()
		if err == nil && id == functionNames {
			c.pos = content.offset
			err = checkFunctionNames(c, content.offset+content.size)
		}
		if err != nil {
			return fmt.Errorf("name section: %w", err)
		}
	}
	return nil
}

func checkFunctionNames(c *cursor, end int64) error {
	_, err := list(c, func(c *cursor) error {
		if _, err := c.u32(); err != nil { // the function's index
			return err
		}
		_, err := c.span() // its name
		return err
	})
	if err == nil && c.pos != end {
		err = fmt.Errorf("at byte %d: the function names end at byte %d", c.pos, end)
	}
	return err
}

// noteProducers keeps the tools that a producers section names. Nobody depends on
// it, so a fault in it is none of the module's.
func (d *Description) noteProducers(c *cursor) {
	if _, err := list(c, d.readProducers); err != nil {
		d.Producers = nil
	}
}

// readProducers reads one field with all tools that it names.
func (d *Description) readProducers(c *cursor) error {
	field, err := c.name()
	if err != nil {
		return err
	}
	_, err = list(c, func(c *cursor) error {
		name, err := c.name()
		if err != nil {
			return err
		}
		version, err := c.name()
		if len(d.Producers) < maxProducers {
			d.Producers = append(d.Producers, Producer{field, name, version})
		}
		return err
	})
	return err
}

// readBodies checks that every declared function has a body. The bodies
// themselves are an engine's to check.
func (d *Description) readBodies(m *layout, c *cursor) error {
	var bodies uint32
	if content, ok := m.known[sectionCode]; ok {
		c.reset(content.offset, content.size)
		var err error
		if bodies, err = c.u32(); err != nil {
			return fmt.Errorf("code section: %w", err)
		}
	}
	if int64(bodies) != int64(d.Functions) {
		return fmt.Errorf("it declares %d functions and holds the code of %d", d.Functions, bodies)
	}
	return nil
}
