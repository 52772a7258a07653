package module

import (
	"fmt"
	"io"
)

// The sections of a core module that are looked into, by id.
const (
	sectionCustom   = 0
	sectionType     = 1
	sectionImport   = 2
	sectionFunction = 3
	sectionMemory   = 5
	sectionExport   = 7
	sectionStart    = 8
	sectionCode     = 10
)

// sections are the known sections in the order in which a module must hold them.
var sections = []struct {
	id   byte
	name string
}{
	{sectionType, "type"}, {sectionImport, "import"}, {sectionFunction, "function"}, {4, "table"},
	{sectionMemory, "memory"}, {13, "tag"}, {6, "global"}, {sectionExport, "export"}, {sectionStart, "start"},
	{9, "element"}, {12, "data count"}, {sectionCode, "code"}, {11, "data"},
}

// rank is the place of a section in the order, from 0, or false for an unknown id.
func rank(id byte) (int, bool) {
	for i, s := range sections {
		if s.id == id {
			return i, true
		}
	}
	return 0, false
}

// span is a range of the file.
type span struct{ offset, size int64 }

// layout says where the sections of a module lie.
type layout struct {
	known  map[byte]span // at most one of each
	custom func(name string, content span) error
}

// scan steps through the sections behind the header and notes where each lies.
// It tells custom about each custom section.
func scan(c *cursor, size int64, custom func(name string, content span) error) (*layout, error) {
	l := &layout{known: make(map[byte]span, len(sections)), custom: custom}
	next := 0 // rank of the next section at the least
	c.reset(headerSize, size-headerSize)
	for c.left() > 0 {
		at := c.pos
		id, err := c.byte()
		if err != nil {
			return nil, err
		}
		content, err := c.span()
		if err != nil {
			return nil, fmt.Errorf("section %d at byte %d: %w", id, at, err)
		}
		if next, err = l.note(c, id, content, next); err != nil {
			return nil, fmt.Errorf("section at byte %d: %w", at, err)
		}
		c.reset(content.offset+content.size, size-content.offset-content.size)
	}
	return l, nil
}

// note takes up one section and returns the rank that the next one must have at
// the least.
func (l *layout) note(c *cursor, id byte, content span, next int) (int, error) {
	if id == sectionCustom {
		return next, l.noteCustom(c, content)
	}
	place, ok := rank(id)
	if !ok {
		return next, fmt.Errorf("unknown section id %d", id)
	}
	if place < next {
		return next, fmt.Errorf("the %s section is there twice or out of order", sections[place].name)
	}
	l.known[id] = content
	return place + 1, nil
}

func (l *layout) noteCustom(c *cursor, content span) error {
	c.reset(content.offset, content.size)
	name, err := c.name()
	if err != nil {
		return fmt.Errorf("name of a custom section: %w", err)
	}
	return l.custom(name, span{c.pos, c.left()})
}

// span reads a size and makes a range of that many bytes of what follows.
func (c *cursor) span() (span, error) {
	size, err := c.u32()
	if err != nil {
		return span{}, err
	}
	at := c.pos
	return span{at, int64(size)}, c.skip(int64(size))
}

// each reads the counted list in a section, one entry a call, and insists that
// the section ends with its last entry. An absent section is an empty list.
func (l *layout) each(r io.ReaderAt, id byte, entry func(c *cursor, index uint32) error) error {
	place, _ := rank(id)
	content, ok := l.known[id]
	if !ok {
		return nil
	}
	c := newCursor(r, content)
	count, err := c.u32()
	if err != nil {
		return fmt.Errorf("%s section: %w", sections[place].name, err)
	}
	for i := range count {
		if err := entry(c, i); err != nil {
			return fmt.Errorf("%s section, entry %d of %d: %w", sections[place].name, i+1, count, err)
		}
	}
	if c.left() > 0 {
		return fmt.Errorf("%s section: %d bytes too many after its %d entries", sections[place].name, c.left(), count)
	}
	return nil
}
