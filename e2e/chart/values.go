// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"fmt"
	"strings"
)

// ValuesYAML is the chart's values.yaml by its schema: every value with its default, and what it is for. Those without
// a default are comments.
func ValuesYAML(schema []byte) (string, error) {
	properties, err := parseSchema(schema)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	out.WriteString("# The values of the chart and their defaults.\n# Generated from values.schema.json by make generate: do not edit.\n")
	err = writeValues(&out, properties, "")
	return out.String(), err
}

func writeValues(out *strings.Builder, properties []property, indent string) error {
	for _, p := range properties {
		if indent == "" {
			out.WriteString("\n")
		}
		writeComment(out, p.description, indent)
		switch {
		case len(p.properties) > 0:
			fmt.Fprintf(out, "%s%s:\n", indent, p.name)
			if err := writeValues(out, p.properties, indent+"  "); err != nil {
				return err
			}
		case p.value == nil:
			fmt.Fprintf(out, "%s# %s:\n", indent, p.name)
		default:
			value, err := inline(p.value)
			if err != nil {
				return fmt.Errorf("%s: %w", p.path, err)
			}
			fmt.Fprintf(out, "%s%s: %s\n", indent, p.name, value)
		}
	}
	return nil
}

// lineLength is that of comments.
const lineLength = 100

// writeComment writes text as lines of comments.
func writeComment(out *strings.Builder, text, indent string) {
	line := indent + "#"
	for word := range strings.FieldsSeq(text) {
		if len(line)+1+len(word) > lineLength && line != indent+"#" {
			fmt.Fprintln(out, line)
			line = indent + "#"
		}
		line += " " + word
	}
	fmt.Fprintln(out, line)
}

// Table is the values as a table in Markdown: the path, the default and what it is for. Flags are left out: they have a
// table of their own.
func Table(schema []byte) (string, error) {
	properties, err := parseSchema(schema)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	out.WriteString("| Value | Default | Meaning |\n|---|---|---|\n")
	err = writeRows(&out, properties)
	return out.String(), err
}

func writeRows(out *strings.Builder, properties []property) error {
	for _, p := range properties {
		value := ""
		if p.value != nil {
			text, err := inline(p.value)
			if err != nil {
				return fmt.Errorf("%s: %w", p.path, err)
			}
			value = "`" + text + "`"
		}
		fmt.Fprintf(out, "| `%s` | %s | %s |\n", p.path, value, strings.ReplaceAll(p.description, "|", `\|`))
		if p.path == "flags" {
			continue
		}
		if err := writeRows(out, p.properties); err != nil {
			return err
		}
	}
	return nil
}
