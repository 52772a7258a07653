// SPDX-License-Identifier: Apache-2.0

package filtertest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// parseYAML reads YAML, or JSON. Unlike the JSON of protobuf, bytes are texts as they are, and numbers and truth values may be
// quoted, as Google's runner has it.
func parseYAML(m *dynamicpb.Message, path string, content []byte) error {
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	var document, second yaml.Node
	err := decoder.Decode(&document)
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err == nil && !errors.Is(decoder.Decode(&second), io.EOF) {
		const problem = "a second document, which a test file does not have: put its cases under test of the first"
		return &FileError{path, second.Line, problem}
	}
	if err != nil {
		mistake := &FileError{Path: path, Problem: strings.Join(strings.Fields(err.Error()), " ")}
		if at := yamlError.FindStringSubmatch(mistake.Problem); at != nil {
			mistake.Line, _ = strconv.Atoi(at[1])
			mistake.Problem = at[2]
		}
		return mistake
	}
	y := &yamlReader{path: path}
	return y.message(m, document.Content[0])
}

// yamlError is an error of package yaml: the line and the rest.
var yamlError = regexp.MustCompile(`^yaml: line (\d+): (.*)$`)

// yamlReader fills messages from nodes, and counts these: aliases can stand for more than any file holds.
type yamlReader struct {
	path  string
	nodes int
}

func (y *yamlReader) mistake(node *yaml.Node, format string, args ...any) error {
	return &FileError{y.path, node.Line, fmt.Sprintf(format, args...)}
}

// resolve returns what an alias stands for.
func (y *yamlReader) resolve(node *yaml.Node) (*yaml.Node, error) {
	if y.nodes++; y.nodes > maxNodes {
		return nil, y.mistake(node, "more than %d nodes, with what aliases stand for: split the file", maxNodes)
	}
	if node.Kind == yaml.AliasNode {
		return node.Alias, nil
	}
	return node, nil
}

// message fills a message from a mapping. Nothing after the colon is an empty message.
func (y *yamlReader) message(m protoreflect.Message, node *yaml.Node) error {
	node, err := y.resolve(node)
	switch {
	case err != nil:
		return err
	case node.Kind == yaml.ScalarNode && node.Tag == "!!null":
		return nil
	case node.Kind != yaml.MappingNode:
		fields := strings.Join(fieldsOf(m.Descriptor()), ", ")
		return y.mistake(node, "%s here has to be a mapping with some of %s", kindOf(node), fields)
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if err := y.field(m, node.Content[i], node.Content[i+1]); err != nil {
			return err
		}
	}
	return nil
}

func (y *yamlReader) field(m protoreflect.Message, key, value *yaml.Node) error {
	field := m.Descriptor().Fields().ByName(protoreflect.Name(key.Value))
	if field == nil {
		return y.mistake(key, "%s", unknownField(key.Value, fieldsOf(m.Descriptor())))
	}
	if m.Has(field) {
		return y.mistake(key, "%s is set twice: remove one", key.Value)
	}
	if one := field.ContainingOneof(); one != nil && m.WhichOneof(one) != nil {
		return y.mistake(key, "%s and %s exclude each other: remove one", m.WhichOneof(one).Name(), key.Value)
	}
	if field.IsList() {
		return y.list(m.Mutable(field).List(), field, value)
	}
	single, err := y.value(field, value, m.NewField(field))
	if err == nil {
		m.Set(field, single)
	}
	return err
}

func (y *yamlReader) list(list protoreflect.List, field protoreflect.FieldDescriptor, node *yaml.Node) error {
	node, err := y.resolve(node)
	if err != nil {
		return err
	}
	if node.Kind != yaml.SequenceNode {
		return y.mistake(node, "%s has to be a sequence, with - before each item, and is %s", field.Name(), kindOf(node))
	}
	for _, item := range node.Content {
		value, err := y.value(field, item, list.NewElement())
		if err != nil {
			return err
		}
		list.Append(value)
	}
	return nil
}

// value fills a new message, or returns a scalar.
func (y *yamlReader) value(
	field protoreflect.FieldDescriptor, node *yaml.Node, fresh protoreflect.Value,
) (protoreflect.Value, error) {
	if field.Message() != nil {
		return fresh, y.message(fresh.Message(), node)
	}
	node, err := y.resolve(node)
	if err != nil {
		return fresh, err
	}
	if node.Kind != yaml.ScalarNode {
		return fresh, y.mistake(node, "%s has to be a %s, and is %s", field.Name(), field.Kind(), kindOf(node))
	}
	value, ok := scalar(field, node.Value)
	if !ok {
		return fresh, y.mistake(node, "%q is no value of %s: it wants %s", node.Value, field.Name(), wanted(field))
	}
	return value, nil
}

// scalar reads a scalar.
func scalar(field protoreflect.FieldDescriptor, text string) (protoreflect.Value, bool) {
	switch field.Kind() {
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(text), true
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes([]byte(text)), true
	case protoreflect.BoolKind:
		v, err := strconv.ParseBool(text)
		return protoreflect.ValueOfBool(v), err == nil
	case protoreflect.Int32Kind:
		v, err := strconv.ParseInt(text, 10, 32)
		return protoreflect.ValueOfInt32(int32(v)), err == nil
	case protoreflect.Int64Kind:
		v, err := strconv.ParseInt(text, 10, 64)
		return protoreflect.ValueOfInt64(v), err == nil
	case protoreflect.Uint32Kind:
		v, err := strconv.ParseUint(text, 10, 32)
		return protoreflect.ValueOfUint32(uint32(v)), err == nil
	case protoreflect.Uint64Kind:
		v, err := strconv.ParseUint(text, 10, 64)
		return protoreflect.ValueOfUint64(v), err == nil
	case protoreflect.EnumKind:
		if v := field.Enum().Values().ByName(protoreflect.Name(text)); v != nil {
			return protoreflect.ValueOfEnum(v.Number()), true
		}
	}
	return protoreflect.Value{}, false
}

// wanted says what values a field has.
func wanted(field protoreflect.FieldDescriptor) string {
	switch field.Kind() {
	case protoreflect.BoolKind:
		return "true or false"
	case protoreflect.EnumKind:
		return "one of " + strings.Join(logLevels, ", ")
	}
	return "a number of type " + field.Kind().String()
}

func kindOf(node *yaml.Node) string {
	switch node.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a sequence"
	}
	return strconv.Quote(node.Value)
}
