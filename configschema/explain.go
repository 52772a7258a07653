// SPDX-License-Identifier: Apache-2.0

package configschema

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/autowasm/autowasm/internal/text"
)

const (
	// width is the length of a line of a description, in bytes.
	width = 80
	// maxDescription is how much is printed of a description, in characters.
	maxDescription = 4096
)

// Field returns the schema of the field that path names below the configuration; the items of arrays and the values of
// maps need no name. The error names the fields that there are.
func (s *Schema) Field(path ...string) (*Schema, error) {
	at := s
	for i, name := range path {
		next := at.element().properties[name]
		if next == nil {
			return nil, fmt.Errorf("the configuration has no field %q: %s", shown(strings.Join(path[:i+1], ".")), at.fields())
		}
		at = next
	}
	return at, nil
}

// Explain prints a field as kubectl explain does: its type, its description and the fields below it. path and the error
// are those of Field.
func (s *Schema) Explain(w io.Writer, path ...string) error {
	return s.explain(w, path, (*Schema).listFields)
}

// ExplainRecursively prints all fields below, with their types alone.
func (s *Schema) ExplainRecursively(w io.Writer, path ...string) error {
	return s.explain(w, path, func(at *Schema, out *strings.Builder) {
		if len(at.element().properties) > 0 {
			out.WriteString("\nFIELDS:\n")
			at.listAll(out, "  ")
		}
	})
}

func (s *Schema) explain(w io.Writer, path []string, list func(*Schema, *strings.Builder)) error {
	at, err := s.Field(path...)
	if err != nil {
		return err
	}
	var out strings.Builder
	fmt.Fprintf(&out, "FIELD: %s <%s>\n", shown(strings.Join(append([]string{"spec.filter.config"}, path...), ".")), at.typeName())
	at.describe(&out)
	list(at, &out)
	_, err = io.WriteString(w, out.String())
	return err
}

// element is what an array or a map consists of, or the schema itself.
func (s *Schema) element() *Schema {
	for {
		switch {
		case len(s.properties) > 0:
			return s
		case s.items != nil:
			s = s.items
		case s.additional != nil:
			s = s.additional
		default:
			return s
		}
	}
}

// fields lists the names of the fields for an error.
func (s *Schema) fields() string {
	names := slices.Sorted(maps.Keys(s.element().properties))
	if len(names) == 0 {
		return "nothing is listed there"
	}
	for i, name := range names {
		names[i] = shown(name)
	}
	return "there are " + text.TruncateRunes(strings.Join(names, ", "), 1024)
}

// typeName is a type as kubectl explain writes it.
func (s *Schema) typeName() string {
	switch {
	case s.intOrString:
		return "IntOrString"
	case s.kind == "array" || s.kind == "" && s.items != nil:
		return "[]" + s.items.typeNameOr("any")
	case len(s.properties) == 0 && s.additional != nil:
		return "map[string]" + s.additional.typeName()
	case s.kind == "object" || len(s.properties) > 0:
		return "Object"
	case s.kind == "":
		return "any"
	}
	return s.kind
}

func (s *Schema) typeNameOr(other string) string {
	if s == nil {
		return other
	}
	return s.typeName()
}

func (s *Schema) describe(out *strings.Builder) {
	if len(s.enum) > 0 {
		fmt.Fprintf(out, "ENUM: %s\n", listed(s.enum))
	}
	if s.defaultValue != nil {
		fmt.Fprintf(out, "DEFAULT: %s\n", encoded(s.defaultValue))
	}
	out.WriteString("\nDESCRIPTION:\n")
	words := s.words()
	if words == "" {
		words = "<empty>"
	}
	wrap(out, words, "    ")
}

// words describe the schema.
func (s *Schema) words() string {
	switch {
	case s.description == "":
		return s.title
	case s.title == "":
		return s.description
	}
	return s.title + "\n" + s.description
}

func (s *Schema) listFields(out *strings.Builder) {
	of := s.element()
	if len(of.properties) == 0 {
		return
	}
	out.WriteString("\nFIELDS:\n")
	for i, name := range slices.Sorted(maps.Keys(of.properties)) {
		if i > 0 {
			out.WriteString("\n")
		}
		sub := of.properties[name]
		of.listField(out, "  ", name)
		if len(sub.enum) > 0 {
			fmt.Fprintf(out, "  enum: %s\n", listed(sub.enum))
		}
		wrap(out, sub.words(), "    ")
	}
}

// listField writes the name and the type of a field.
func (s *Schema) listField(out *strings.Builder, indent, name string) {
	fmt.Fprintf(out, "%s%s\t<%s>", indent, shown(name), s.properties[name].typeName())
	if slices.Contains(s.required, name) {
		out.WriteString(" -required-")
	}
	out.WriteString("\n")
}

func (s *Schema) listAll(out *strings.Builder, indent string) {
	of := s.element()
	for _, name := range slices.Sorted(maps.Keys(of.properties)) {
		of.listField(out, indent, name)
		of.properties[name].listAll(out, indent+"  ")
	}
}

// wrap writes words in lines with an indent. Control characters are left out: they come from the module.
func wrap(out *strings.Builder, words, indent string) {
	for paragraph := range strings.Lines(text.TruncateRunes(words, maxDescription)) {
		line := indent
		for word := range strings.FieldsSeq(text.OneLine(paragraph)) {
			if len(line) > len(indent) && len(line)+1+len(word) > width {
				out.WriteString(line + "\n")
				line = indent
			}
			if len(line) > len(indent) {
				line += " "
			}
			line += word
		}
		if len(line) > len(indent) {
			out.WriteString(line + "\n")
		}
	}
}
