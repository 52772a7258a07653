package module

import (
	"fmt"
	"strings"
)

// maxShown is how many value types of a signature are written out. No function
// of Envoy has as many, so a signature cut short equals none of them.
const maxShown = 32

// valueTypes are the names of the value types that are one byte long. The
// abbreviated reference types of garbage collection have no name here; they are
// printed as hex.
var valueTypes = map[byte]string{
	0x7f: "i32", 0x7e: "i64", 0x7d: "f32", 0x7c: "f64", 0x7b: "v128", 0x70: "funcref", 0x6f: "externref",
}

// The forms of an entry of the type section.
const (
	formFunc     = 0x60
	formStruct   = 0x5f
	formArray    = 0x5e
	formSub      = 0x50
	formSubFinal = 0x4f
	formGroup    = 0x4e
)

// signature writes a function type the way messages show it: (i32,i32)->i32.
func signature(params, results string) string {
	if results == "" {
		results = "()"
	}
	if strings.Contains(results, ",") {
		results = "(" + results + ")"
	}
	return "(" + params + ")->" + results
}

// functionTypes reads the type section and returns the signatures of the wanted
// type indices. A type that is not a function's is left out.
func functionTypes(m *layout, c *cursor, wanted map[uint32]bool) (map[uint32]string, error) {
	found := make(map[uint32]string, len(wanted))
	var index uint32
	err := m.each(c.r, sectionType, func(c *cursor, _ uint32) error {
		return recursionGroup(c, func(form byte) error {
			keep := wanted[index]
			text, err := compositeType(c, form, keep)
			if keep && form == formFunc {
				found[index] = text
			}
			index++
			return err
		})
	})
	return found, err
}

// recursionGroup reads one entry of the type section, which is a type or a group
// of types, and calls member with the form of each, to read the rest of it.
func recursionGroup(c *cursor, member func(form byte) error) error {
	form, err := c.byte()
	if err != nil || form != formGroup {
		return subType(c, form, err, member)
	}
	count, err := c.u32()
	for i := uint32(0); i < count && err == nil; i++ {
		form, err = c.byte()
		err = subType(c, form, err, member)
	}
	return err
}

// subType steps over the supertypes that a type may be declared with.
func subType(c *cursor, form byte, err error, member func(form byte) error) error {
	if err != nil {
		return err
	}
	if form == formSub || form == formSubFinal {
		if _, err := list(c, func(c *cursor) error { return c.skipNumber() }); err != nil {
			return err
		}
		if form, err = c.byte(); err != nil {
			return err
		}
	}
	return member(form)
}

// compositeType reads the body of a type. It returns the signature of a function
// type if it is to be kept.
func compositeType(c *cursor, form byte, keep bool) (string, error) {
	switch form {
	case formFunc:
		params, err := valueTypeList(c, keep)
		if err != nil {
			return "", err
		}
		results, err := valueTypeList(c, keep)
		if err != nil || !keep {
			return "", err
		}
		return signature(params, results), nil
	case formStruct:
		_, err := list(c, fieldType)
		return "", err
	case formArray:
		return "", fieldType(c)
	}
	return "", fmt.Errorf("at byte %d: unknown form of type 0x%02x", c.pos-1, form)
}

// list reads a counted list and returns its length.
func list(c *cursor, entry func(c *cursor) error) (uint32, error) {
	count, err := c.u32()
	for i := uint32(0); i < count && err == nil; i++ {
		err = entry(c)
	}
	return count, err
}

func valueTypeList(c *cursor, keep bool) (string, error) {
	var names []string
	count, err := list(c, func(c *cursor) error {
		name, err := valueType(c)
		if keep && len(names) < maxShown {
			names = append(names, name)
		}
		return err
	})
	if int(count) > len(names) && keep {
		names = append(names, "…")
	}
	return strings.Join(names, ","), err
}

// valueType reads a value type and returns its name.
func valueType(c *cursor) (string, error) {
	b, err := c.byte()
	if err != nil {
		return "", err
	}
	if name, ok := valueTypes[b]; ok {
		return name, nil
	}
	switch {
	case b == 0x63 || b == 0x64: // a reference to a heap type
		return "ref", c.skipNumber()
	case b >= 0x68 && b <= 0x74: // a reference to an abstract heap type
		return fmt.Sprintf("ref:0x%02x", b), nil
	}
	return "", fmt.Errorf("at byte %d: unknown value type 0x%02x", c.pos-1, b)
}

// fieldType steps over a field of a struct or the element of an array.
func fieldType(c *cursor) error {
	at := c.pos
	b, err := c.byte()
	if err != nil {
		return err
	}
	if b != 0x78 && b != 0x77 { // not a packed i8 or i16
		c.pos = at
		if _, err := valueType(c); err != nil {
			return err
		}
	}
	_, err = c.byte() // mutability
	return err
}
