// SPDX-License-Identifier: Apache-2.0

package filtertest

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/reflect/protoreflect"
)

func parsed(t *testing.T, path string) *suite {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	all, err := parse(path, content)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestBothFormsSayTheSame: every field, in text protobuf and in YAML.
func TestBothFormsSayTheSame(t *testing.T) {
	text, yaml := parsed(t, "testdata/all.textpb"), parsed(t, "testdata/all.yaml")
	if diff := cmp.Diff(text, yaml); diff != "" {
		t.Errorf("(-text +yaml)\n%s", diff)
	}
	content, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	message, err := descriptor()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range allFields(message, map[protoreflect.FullName]bool{}) {
		if value := fmt.Sprintf("%q:", name); !strings.Contains(string(content), value) || strings.Count(string(content), value+"null") == strings.Count(string(content), value) {
			t.Errorf("no field %s is set in all.textpb", name)
		}
	}
}

// TestFieldsOfServiceExtensions: the fields of runner.proto at the commit of testdata/service-extensions are there, with their
// types. Ours are the last of environment.
func TestFieldsOfServiceExtensions(t *testing.T) {
	message, err := descriptor()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"suite":         "env message; test []message",
		"environment":   "test_path string; wasm_path string; config_path string; log_level enum; log_path string; time_secs uint64; num_additional_streams uint64; additional_stream_advance_rate uint64; root_id string; variable []message",
		"testCase":      "name string; benchmark bool; num_chunks int32 (body_chunking_plan); chunk_size int64 (body_chunking_plan); properties []message; request_headers message; request_body []message; response_headers message; response_body []message; plugin_init message; stream_init message; stream_destroy message",
		"property":      "path string; value bytes",
		"invocation":    "input message; result message",
		"input":         "header []message; content bytes; file string",
		"header":        "key string; value bytes",
		"expectation":   "has_header []message; no_header []message; headers []message; body []message; immediate message; log []message",
		"immediate":     "http_status uint32; grpc_status uint32; details string",
		"stringMatcher": "invert bool; exact bytes (matcher); regex string (matcher); file string (matcher)",
	}
	got := map[string]string{}
	messages := message.ParentFile().Messages()
	for i := range messages.Len() {
		got[string(messages.Get(i).Name())] = strings.Join(typesOf(messages.Get(i)), "; ")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func typesOf(m protoreflect.MessageDescriptor) []string {
	var all []string
	for i := range m.Fields().Len() {
		field := m.Fields().Get(i)
		line := string(field.Name()) + " "
		if field.IsList() {
			line += "[]"
		}
		line += field.Kind().String()
		if one := field.ContainingOneof(); one != nil {
			line += " (" + string(one.Name()) + ")"
		}
		all = append(all, line)
	}
	return all
}

// TestMistakes: what is wrong with a file is one sentence with the line, the field and the remedy.
func TestMistakes(t *testing.T) {
	dir := t.TempDir()
	many := strings.Repeat("test { name: \"a\" }\n", maxCases+1)
	headers := "test { name: \"a\" request_headers { input {\n" + strings.Repeat("header { key: \"a\" }\n", maxHeaders+1) + "} } }"
	alias := "test:\n- name: a\n  request_body:\n  - &a {result: {has_header: [" + strings.Repeat("{key: b},", 1000) + "]}}\n" + strings.Repeat("  - *a\n", 600)
	if err := os.WriteFile(filepath.Join(dir, "large"), make([]byte, maxInput+1), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, content, want string }{
		{"field.textpb", "test {\n  nam: \"a\"\n}", `:2: unknown field "nam": did you mean name?`},
		{"near.textpb", "test {\n  request_headers { result { has_headers { key: \"a\" } } }\n}", `:2: unknown field "has_headers": did you mean has_header?`},
		{"far.textpb", "test { trailers {} }", `:1: unknown field "trailers": the format has none of that name; remove it or correct its name`},
		{"type.textpb", "test {\n\n  benchmark: 3\n}", ":3: invalid value for bool type: 3"},
		{"syntax.textpb", "test {\n  name \"a\"\n}", ":2: syntax error missing field separator :"},
		{"brace.textpb", "test {\n  name: \"a\"\n", ":2: the file ends before a message does: close it with }"},
		{"two.textpb", "test { name: \"a\" num_chunks: 1\n chunk_size: 2 }", `:2: error parsing "chunk_size", oneof testCase.body_chunking_plan is already set`},
		{"twice.textpb", "test { name: \"a\"\n name: \"b\" }", `:2: non-repeated field "name" is repeated`},
		{"field.yaml", "test:\n- name: a\n  request_header: {}\n", `:3: unknown field "request_header": did you mean request_headers?`},
		{"far.yaml", "test:\n- name: a\n  request_headers: {resultat: {}}\n", `:3: unknown field "resultat": did you mean result?`},
		{"here.yaml", "test:\n- name: a\n  request_headers: {outcome: {}}\n", `:3: unknown field "outcome": the fields here are input, result`},
		{"type.yaml", "test:\n- name: a\n  benchmark: often\n", `:3: "often" is no value of benchmark: it wants true or false`},
		{"level.yaml", "env: {log_level: LOUD}\n", `:1: "LOUD" is no value of log_level: it wants one of UNDEFINED, TRACE, DEBUG, INFO, WARN, ERROR, CRITICAL`},
		{"number.yaml", "test:\n- name: a\n  num_chunks: 1e9\n", `:3: "1e9" is no value of num_chunks: it wants a number of type int32`},
		{"sequence.yaml", "test:\n  name: a\n", ":2: test has to be a sequence, with - before each item, and is a mapping"},
		{"mapping.yaml", "test:\n- a\n", `:2: "a" here has to be a mapping with some of name, benchmark, num_chunks, chunk_size, properties, request_headers, request_body, response_headers, response_body, plugin_init, stream_init, stream_destroy`},
		{"scalar.yaml", "test:\n- name: [a]\n", ":2: name has to be a string, and is a sequence"},
		{"oneof.yaml", "test:\n- name: a\n  num_chunks: 1\n  chunk_size: 2\n", ":4: num_chunks and chunk_size exclude each other: remove one"},
		{"twice.yaml", "test:\n- name: a\n  name: b\n", ":3: name is set twice: remove one"},
		{"second.yaml", "test: []\n---\ntest: []\n", ":2: a second document, which a test file does not have: put its cases under test of the first"},
		{"syntax.yaml", "test:\n- {name: a\n", ":1: did not find expected ',' or '}'"},
		{"alias.yaml", alias, ":4: more than 1048576 nodes, with what aliases stand for: split the file"},
		{"loop.yaml", "test:\n- &a\n  request_headers: {input: *a}\n", ":3: unknown field \"request_headers\": the fields here are header, content, file"},
		{"form.txt", "", ": the name does not say which form the file has: let it end in one of .textpb, .txtpb, .textproto, .pbtxt for text protobuf, or .yaml, .yml, .json for YAML"},
		{"empty.textpb", "", ": it has 0 cases, and wants 1 to 10000: each is a test"},
		{"many.textpb", many, ": it has 10001 cases, and wants 1 to 10000: each is a test"},
		{"unnamed.textpb", "test { }", ": test 1: it has no name: give it one, by which its result is reported"},
		{"regex.textpb", "test { name: \"b\" }\ntest {\n  name: \"a\"\n  request_headers { result { log { regex: \"[a\" } } }\n}", ":3: test \"a\": request_headers.result.log[0]: regex \"[a\" does not compile: error parsing regexp: missing closing ]: `[a`"},
		{"nothing.yaml", "test:\n- name: a\n  response_body: [{result: {body: [{invert: true}]}}]\n", `:2: test "a": response_body.result.body[0]: it matches nothing: set one of exact, regex, file`},
		{"chunks.textpb", "test { name: \"a\" num_chunks: 0 }", `:1: test "a": num_chunks has to be 1 to 10000, and chunk_size at least 1`},
		{"bodies.textpb", "test { name: \"a\" num_chunks: 2 request_body { } request_body { } }", `:1: test "a": request_body is there 2 times, which excludes num_chunks and chunk_size: these cut one body`},
		{"parts.textpb", "test { name: \"a\" chunk_size: 1 request_body { input { content: \"" + strings.Repeat("a", maxChunks+1) + "\" } } }", `:1: test "a": request_body.input is cut into 10001 parts; the limit is 10000`},
		{"headers.textpb", headers, `:1: test "a": request_headers.input has 1001 headers; the limit is 1000`},
		{"input.textpb", "test { name: \"a\" request_headers { input { content: \"GET\" } } }", `:1: test "a": request_headers.input: "GET" is no first line of a request: write one such as GET / HTTP/1.1`},
		{"both.textpb", "test { name: \"a\" request_headers { input { content: \"GET / HTTP/1.1\" header { key: \"a\" } } } }", `:1: test "a": request_headers.input has header, and content or file: choose one`},
		{"body.textpb", "test { name: \"a\" request_body { input { header { key: \"a\" } } } }", `:1: test "a": request_body.input.header is for headers: give a body by content or file`},
		{"large.textpb", "test { name: \"a\" request_body { input { file: \"large\" } } }", `:1: test "a": request_body.input.file: DIR/large has 16777217 bytes; the limit is 16777216`},
		{"device.textpb", "test { name: \"a\" request_body { input { file: \"/dev/zero\" } } }", `:1: test "a": request_body.input.file: /dev/zero is not a regular file`},
		{"config.textpb", "env { config_path: \"absent\" }", ": env.config_path: stat DIR/absent: no such file or directory"},
		{"variable.textpb", "env { variable { key: \"a=b\" } }", `: env.variable[0]: "a=b" is no name of an environment variable`},
		{"time.textpb", "env { time_secs: 99999999999 }", ": env.time_secs: 99999999999 is beyond the year 2200: give seconds since 1970"},
		{"key.textpb", "test { name: \"a\" stream_init { no_header { } } }", `:1: test "a": stream_init.no_header[0] has no key`},
		{"properties.textpb", "test { name: \"a\" properties { path: \"a\" } properties { path: \"a.b\" } }", `:1: test "a": properties: a.b is below another that has a value`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(dir, tt.name)
			if err := os.WriteFile(path, []byte(tt.content), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := Read(path)
			if err == nil {
				t.Fatal("no error")
			}
			got := strings.ReplaceAll(strings.TrimPrefix(err.Error(), path), dir, "DIR")
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}
