// SPDX-License-Identifier: Apache-2.0

package filtertest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/autowasm/autowasm/internal/text"
)

// FileError is a mistake in a test file.
type FileError struct {
	// Path of the file.
	Path string
	// Line of the mistake, from 1; 0 if it is not known.
	Line int
	// Problem and remedy, in one sentence.
	Problem string
}

// Error returns path, line and problem in one line.
func (e *FileError) Error() string {
	at := e.Path
	if e.Line > 0 {
		at += ":" + strconv.Itoa(e.Line)
	}
	return text.OneLine(at + ": " + e.Problem)
}

// The extensions of files of each form.
var (
	textExtensions = []string{".textpb", ".txtpb", ".textproto", ".pbtxt"}
	yamlExtensions = []string{".yaml", ".yml", ".json"}
)

// parse reads the content of a test file. Its form is that of the file's extension.
func parse(path string, content []byte) (*suite, error) {
	message, err := descriptor()
	if err != nil {
		return nil, err
	}
	m := dynamicpb.NewMessage(message)
	switch extension := filepath.Ext(path); {
	case slices.Contains(yamlExtensions, extension):
		err = parseYAML(m, path, content)
	case slices.Contains(textExtensions, extension):
		err = parseText(m, path, content)
	default:
		err = &FileError{Path: path, Problem: fmt.Sprintf(
			"the name does not say which form the file has: let it end in one of %s for text protobuf, or %s for YAML",
			strings.Join(textExtensions, ", "), strings.Join(yamlExtensions, ", "))}
	}
	if err != nil {
		return nil, err
	}
	return toSuite(m)
}

// toSuite fills the types of the schema.
func toSuite(m protoreflect.ProtoMessage) (*suite, error) {
	content, err := protojson.MarshalOptions{UseProtoNames: true, AllowPartial: true}.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("read the message of a test file: %w", err)
	}
	all := &suite{}
	decoder := json.NewDecoder(strings.NewReader(string(content)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(all); err != nil {
		return nil, fmt.Errorf("read the message of a test file: %w", err)
	}
	return all, nil
}

// parseText reads text protobuf.
func parseText(m *dynamicpb.Message, path string, content []byte) error {
	err := prototext.Unmarshal(content, m)
	if err == nil {
		return nil
	}
	mistake := &FileError{Path: path, Problem: strings.Join(strings.Fields(err.Error()), " ")}
	if at := textError.FindStringSubmatch(mistake.Problem); at != nil {
		mistake.Line, _ = strconv.Atoi(at[2])
		mistake.Problem = at[1] + at[3]
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || strings.HasSuffix(mistake.Problem, io.ErrUnexpectedEOF.Error()) {
		mistake.Line = 1 + bytes.Count(bytes.TrimSpace(content), []byte("\n"))
		mistake.Problem = "the file ends before a message does: close it with }"
	}
	if _, name, ok := strings.Cut(mistake.Problem, "unknown field: "); ok {
		mistake.Problem = unknownField(name, allFields(m.Descriptor(), map[protoreflect.FullName]bool{}))
	}
	return mistake
}

// textError is an error of package prototext: what kind it is of, the line, and the rest.
var textError = regexp.MustCompile(`^proto:\s?(syntax error )?\(line (\d+):\d+\): (.*)$`)

// unknownField says that a field is none of those that there are.
func unknownField(name string, known []string) string {
	if similar := nearest(name, known); similar != "" {
		return fmt.Sprintf("unknown field %s: did you mean %s?", quoted(name), similar)
	}
	if len(known) < 15 {
		return fmt.Sprintf("unknown field %s: the fields here are %s", quoted(name), strings.Join(known, ", "))
	}
	return fmt.Sprintf("unknown field %s: the format has none of that name; remove it or correct its name", quoted(name))
}

// fieldsOf returns the names of a message's fields.
func fieldsOf(m protoreflect.MessageDescriptor) []string {
	var names []string
	for i := range m.Fields().Len() {
		names = append(names, string(m.Fields().Get(i).Name()))
	}
	return names
}

// allFields returns those of a message and of all that it holds.
func allFields(m protoreflect.MessageDescriptor, seen map[protoreflect.FullName]bool) []string {
	if seen[m.FullName()] {
		return nil
	}
	seen[m.FullName()] = true
	names := fieldsOf(m)
	for i := range m.Fields().Len() {
		if inner := m.Fields().Get(i).Message(); inner != nil {
			names = append(names, allFields(inner, seen)...)
		}
	}
	return names
}
