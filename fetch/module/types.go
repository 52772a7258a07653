// SPDX-License-Identifier: Apache-2.0

package module

import (
	"fmt"
	"strings"
)

// maxValueTypes is how many parameters, and results, of a signature are written out: more than any host function has.
const maxValueTypes = 32

// The first bytes of types.
const (
	typeRef      = 0x64
	typeRefNull  = 0x63
	typeFunc     = 0x60
	typeStruct   = 0x5f
	typeArray    = 0x5e
	typeSub      = 0x50
	typeSubFinal = 0x4f
	typeRec      = 0x4e // a group of recursive types
)

// valueTypes are named by their first byte. The abbreviated reference types of garbage collection are printed as hex.
var valueTypes = map[byte]string{
	0x7f: "i32", 0x7e: "i64", 0x7d: "f32", 0x7c: "f64", 0x7b: "v128",
	0x70: "funcref", 0x6f: "externref", typeRef: "ref", typeRefNull: "ref",
}

func isAbbreviatedRef(code byte) bool { return 0x68 <= code && code <= 0x74 }

func typeName(code byte) string {
	if name, ok := valueTypes[code]; ok {
		return name
	}
	return fmt.Sprintf("ref:0x%02x", code)
}

// signature writes a function type as messages show it: (i32,i32)->i32.
func signature(params, results string) string {
	if results == "" {
		results = "()"
	}
	if strings.Contains(results, ",") {
		results = "(" + results + ")"
	}
	return "(" + params + ")->" + results
}

// readFunctionTypes reads the type section and returns the signatures of the wanted indices that are function types.
func (p *parser) readFunctionTypes(wanted map[uint32]bool) map[uint32]string {
	found := make(map[uint32]string, len(wanted))
	var index uint32
	p.readEntries(sectionType, func() {
		p.recursiveType(func(form byte) {
			if text := p.compositeType(form, wanted[index]); text != "" {
				found[index] = text
			}
			index++
		})
	})
	return found
}

// recursiveType reads an entry of the type section, a type or a group. composite reads each from its first byte on.
func (r *reader) recursiveType(composite func(form byte)) {
	form := r.byte()
	if form != typeRec {
		r.subType(form, composite)
		return
	}
	r.vector(func() { r.subType(r.byte(), composite) })
}

// subType reads a type with the supertypes that it may declare.
func (r *reader) subType(form byte, composite func(form byte)) {
	if form == typeSub || form == typeSubFinal {
		r.vector(r.skipInteger)
		form = r.byte()
	}
	composite(form)
}

// compositeType reads the rest of a type and returns the signature of a wanted function type, "" for any other.
func (r *reader) compositeType(form byte, wanted bool) string {
	switch form {
	case typeFunc:
		params, results := r.resultType(wanted), r.resultType(wanted)
		if wanted {
			return signature(params, results)
		}
	case typeStruct:
		r.vector(r.skipField)
	case typeArray:
		r.skipField()
	default:
		r.failf("at byte %d: unknown form of type 0x%02x", r.pos-1, form)
	}
	return ""
}

// resultType reads the value types of parameters or results, and joins their names if they are wanted.
func (r *reader) resultType(wanted bool) string {
	var names []string
	count := r.vector(func() {
		code := r.valueType()
		if wanted && len(names) < maxValueTypes {
			names = append(names, typeName(code))
		}
	})
	if wanted && int(count) > len(names) {
		names = append(names, "…")
	}
	return strings.Join(names, ",")
}

// valueType reads a value type and returns its first byte.
func (r *reader) valueType() byte {
	code := r.byte()
	if _, known := valueTypes[code]; !known && !isAbbreviatedRef(code) {
		r.failf("at byte %d: unknown value type 0x%02x", r.pos-1, code)
	}
	if code == typeRef || code == typeRefNull {
		r.skipInteger() // the heap type
	}
	return code
}

// skipField steps over a field of a struct, or the element of an array.
func (r *reader) skipField() {
	at := r.pos
	if packed := r.byte(); packed != 0x78 && packed != 0x77 { // neither i8 nor i16
		r.pos = at
		r.valueType()
	}
	r.byte() // mutability
}
