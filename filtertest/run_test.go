// SPDX-License-Identifier: Apache-2.0

package filtertest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/autowasm/autowasm/fetch/module/wasmtest"
	"github.com/autowasm/autowasm/host"
)

// TestExamples: the committed filters do what their own test files say. That in Go is built by its own test.
func TestExamples(t *testing.T) {
	for _, name := range []string{"add-header-rust", "add-header-assemblyscript"} {
		if suite := ranFile(t, example(t, name), "../examples/"+name+"/tests.yaml", Options{}); suite.Failed() > 0 || len(suite.Cases) != 2 {
			t.Errorf("%s: %d cases, %q", name, len(suite.Cases), failures(suite))
		}
	}
}

// TestExpectations: options go before the file, and a wrong expectation of each kind fails with what was there.
func TestExpectations(t *testing.T) {
	tests := []struct {
		name, filter, cases string
		options             Options
		want                []string
	}{
		{"configured", "add-header-rust", `
			test { name: "a" response_headers { result { has_header { key: "hello" value: "there" } headers { exact: "hello: there" } headers { exact: "Hello: there" } } } }`,
			Options{Configuration: []byte("there")}, nil},
		{"with that of the command line", "add-header-assemblyscript", `
			env { root_id: "other" }
			test { name: "a" response_headers { result { has_header { key: "hello" value: "world!" } } } }`, Options{RootID: "add_header"}, nil},
		{"refused", "add-header-rust", `
			test { name: "a" plugin_init { log { regex: ".*no value of a header.*" } } }`, Options{Configuration: []byte("a\nb")}, []string{
			"plugin_init: proxy_on_configure returned false",
			`plugin_init: its log: "the configuration is no value of a header: \"a\\nb\""`,
		}},
		{"wrong", "add-header-rust", `
			test {
				name: "a"
				request_headers {
					input { header { key: "x" value: "1" } header { key: "x" value: "2" } header { key: "y" value: "\001\n" } }
					result { has_header { key: "x" value: "1" } has_header { key: "z" value: "" } no_header { key: "Y" }
						headers { regex: "x: 3" } headers { regex: "1" } headers { regex: "X: .*" invert: true } }
				}
				response_headers { result { immediate { } log { exact: "a" } } }
				response_body { input { content: "b" } result { body { exact: "c" } body { regex: "b" invert: true } has_header { key: "hello" value: "world" } } }
			}`, Options{}, []string{
			`request_headers: header x is "1, 2", want "1"`,
			`request_headers: there is no header z, want ""`,
			`request_headers: header y is "\x01\n", want none`,
			`request_headers: the headers: want a match of "x: 3", got "x: 1\nX: 1\nx: 1, 2\nX: 1, 2\nx: 2\nX: 2\ny: \x01\n\nY: \x01\n"`,
			`request_headers: the headers: want a match of "1", got "x: 1\nX: 1\nx: 1, 2\nX: 1, 2\nx: 2\nX: 2\ny: \x01\n\nY: \x01\n"`,
			`request_headers: the headers: want no match of "X: .*", got "x: 1\nX: 1\nx: 1, 2\nX: 1, 2\nx: 2\nX: 2\ny: \x01\n\nY: \x01\n"`,
			`response_headers: an immediate response is expected, and the filter gave none`,
			`response_headers: the log: want "a", got ""`,
			`response_body: the body: want "c", got "b"`,
			`response_body: the body: want no match of "b", got "b"`,
			`response_body: there are no headers in a step of a body: expect them in the step of the headers, where they pass`,
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := failures(ran(t, example(t, tt.filter), tt.cases, tt.options))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// TestFollowsEnvoy: where Google's runner does otherwise.
func TestFollowsEnvoy(t *testing.T) {
	answers, holds, buffers := filter(onHeaders("request", answer, pause)), filter(onHeaders("request", pause)),
		filter(onBody("request", untilEnd))
	tests := []struct {
		name  string
		wasm  []byte
		cases string
		want  []string
	}{
		{"the client's response", answers, `
			request_headers { result {
				immediate { http_status: 403 grpc_status: 7 details: "hello" } body { exact: "hello" }
				has_header { key: ":status" value: "403" } has_header { key: "content-length" value: "5" } no_header { key: "x" }
			} }`, nil},
		{"another", answers, `
			request_headers { result { immediate { http_status: 200 grpc_status: 1 details: "" } body { exact: "" } } }
			response_headers { result { has_header { key: "a" value: "b" } } }
			response_body { }`, []string{
			"request_headers: the immediate response has HTTP status 403, want 200",
			"request_headers: the immediate response has gRPC status 7, want 1",
			`request_headers: the immediate response has details "hello", want ""`,
			`request_headers: the body: want "", got "hello"`,
			"response_headers: the stream does not come to this step: it ended in request_headers",
		}},
		{"not expected", answers, `request_headers { }`, []string{`request_headers: the filter answered with 403 "hello", and no immediate response is expected`}},
		{"a request that is not there", answers, `response_headers { result { has_header { key: "a" value: "b" } } }`, []string{
			`request_headers: the filter answered with 403 "hello", and the case does not have this step, which Envoy always has: give the case request_headers`,
			"response_headers: the stream does not come to this step: it ended in request_headers",
		}},
		{"the log of one that is not there, and ends the stream", filter(onHeaders("request", logHello, answer, pause)), `
			response_headers { } stream_destroy { log { exact: "hello" invert: true } }`, []string{
			`request_headers: the filter answered with 403 "hello", and the case does not have this step, which Envoy always has: give the case request_headers`,
		}},
		{"from a body", filter(onBody("request", answer, pause)), `
			num_chunks: 2 request_body { input { content: "ab" } result { immediate { http_status: 403 } body { exact: "hello" } } }`, nil},
		{"after the response's headers", filter(onBody("response", answer, pause)), `
			response_body { input { content: "ab" } result { immediate { http_status: 403 } } }`, []string{"response_body: the stream was reset (hello)"}},
		{"buffered", buffers, `
			num_chunks: 3
			request_headers { input { header { key: "a" value: "b" } } result { has_header { key: "a" value: "b" } no_header { key: "c" } } }
			request_body { input { content: "whole" } result { body { exact: "whole" } } }
			response_headers { }`, nil},
		{"a body that is held", filter(onBody("request", pause)), `request_body { input { content: "a" } result { body { exact: "" } } } response_headers { }`, []string{
			"response_headers: the filter holds the request, and Envoy waits until it resumes",
		}},
		{"headers that are held", holds, `
			request_headers { result { has_header { key: "a" value: "b" } } }
			request_body { input { content: "a" } result { body { exact: "a" } } }
			response_headers { result { body { exact: "" } } }`, []string{
			"request_body: the stream does not come to this step: the filter holds the request's headers, and what follows them waits",
			"response_headers: the stream does not come to this step: the filter holds the request's headers, and what follows them waits",
			"request_headers: the filter holds the request, and Envoy waits until it resumes",
		}},
		{"a response that is held", filter(onHeaders("response", pause)), `response_headers { } response_body { result { body { exact: "" } } }`, []string{
			"response_body: the stream does not come to this step: the filter holds the response's headers, and what follows them waits",
			"response_headers: the filter holds the response, and Envoy waits until it resumes",
		}},
		{"an answer that is held", filter(onHeaders("request", answer, pause), onHeaders("response", pause)), `request_headers { result { immediate { } } }`, []string{
			"request_headers: the filter holds the response, and Envoy waits until it resumes",
		}},
		{"a second answer", filter(onHeaders("request", answer, pause), onHeaders("response", call(fnLocal, 404, 0, 0, 0, 0, 0, 0, 5), pass)), `
			request_headers { result { immediate { http_status: 404 } body { exact: "" } } }`, nil},
		{"Envoy's answer", filter(onHeaders("request", call(fnRemove, 0, methodAt, 7), pass)), `response_headers { }`, []string{
			`request_headers: Envoy answers the headers that the filter leaves with 503 "missing required header: :method"` +
				` (filter_removed_required_request_headers{missing_required_header:_:method}), and the case does not have this step,` +
				` which Envoy always has: give the case request_headers`,
		}},
		{"that Envoy does not give", filter(onHeaders("request", call(fnRemove, 0, methodAt, 7), pass)), `
			request_headers { input { header { key: "a" value: "b" } } result { has_header { key: "a" value: "b" } } }`, nil},
		{"for a call-out", filter(onHeaders("request", callAuth, pause)), `request_headers { }`, []string{
			`request_headers: the filter holds the request, and Envoy waits until it resumes, for the answer to a call-out to "auth", which a test file cannot give`,
		}},
		{"the end of the stream, with headers alone", filter(onHeaders("request", untilEnd)), `request_headers { }`, nil},
		{"once", filter(onBody("request", untilEnd)), `
			request_body { input { content: "a" } result { body { exact: "" } } }
			request_body { input { content: "b" } result { body { exact: "ab" } } }`, nil},
		{"the log of a step that the case does not have", filter(onHeaders("request", logHello, pass)), `
			response_headers { result { log { exact: "hello" invert: true } } }`, nil},
		{"a trap", filter(onHeaders("request", logHello, trap)), `
			request_headers { result { log { exact: "other" } } } response_headers { result { body { exact: "" } } } stream_destroy { log { exact: "x" } }`,
			[]string{"request_headers: proxy_on_request_headers trapped: unreachable in $6"}},
		{"one at the end", filter(wasmtest.Function("proxy_on_done", "i:i", trap...)), `request_headers { }`,
			[]string{"stream_destroy: proxy_on_done trapped: unreachable in $6"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := failures(ran(t, tt.wasm, `test { name: "a"`+tt.cases+`}`, Options{}))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// TestLogs: each step sees its own lines, of the level that the file names or above.
func TestLogs(t *testing.T) {
	wasm := filter(
		wasmtest.Function("proxy_on_context_create", "ii:", logHello...), onHeaders("request", logDebug, pass),
		wasmtest.Function("proxy_on_log", "i:", logHello...), wasmtest.Function("proxy_on_delete", "i:", call(fnLog, 3, clusterAt, 4)...))
	const cases = `test {
		name: "a"
		plugin_init { log { exact: "hello" } log { exact: "auth" invert: true } }
		stream_init { log { exact: "hello" } }
		stream_destroy { log { exact: "hello" } log { exact: "auth" } }
		request_headers { result { log { exact: "hello" } } }
	}`
	want := []string{`request_headers: the log: want "hello", got ""`}
	got := ran(t, wasm, cases, Options{})
	if diff := cmp.Diff(want, failures(got)); diff != "" {
		t.Errorf("at info (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]string{"info: hello", "info: hello", "info: hello", "warn: auth", "warn: auth"}, got.Cases[0].Log); diff != "" {
		t.Errorf("the log (-want +got)\n%s", diff)
	}
	if got := failures(ran(t, wasm, "env { log_level: DEBUG }"+cases, Options{})); got != nil {
		t.Errorf("at debug: %q", got)
	}
	if got := failures(ran(t, wasm, "env { log_level: WARN }"+cases, Options{})); len(got) != 4 {
		t.Errorf("at warn: %q", got)
	}
}

// TestBounds: a filter that writes without end fills nothing, and a failure is short.
func TestBounds(t *testing.T) {
	// loop: log hello; br 0
	endless := filter(onHeaders("request", []byte{0x03, 0x40}, logHello, []byte{0x0c, 0, 0x0b}, pass))
	got := ran(t, endless, `test { name: "a" request_headers { result { log { exact: "b" } } } }`, Options{}).Cases[0]
	if len(got.Log) != shownLines || len(got.Failures) != 1 || !strings.Contains(got.Failures[0], "reached the limit of output") {
		t.Errorf("%d lines, %q", len(got.Log), got.Failures)
	}
	body := strings.Repeat("é", 10_000)
	wrong := strings.Repeat(`body { exact: "x" } `, 2*shownFailures)
	got = ran(t, filter(), `test { name: "a" request_body { input { content: "`+body+`" } result { `+wrong+` } } }`, Options{}).Cases[0]
	if len(got.Failures) != shownFailures {
		t.Errorf("%d failures", len(got.Failures))
	}
	for _, line := range got.Failures {
		if len(line) > 3*shownValue {
			t.Errorf("a failure of %d bytes", len(line))
		}
	}
}

// TestRunEnds: the caller's context ends a case that does not.
func TestRunEnds(t *testing.T) {
	endless := filter(onHeaders("request", []byte{0x03, 0x40, 0x0c, 0, 0x0b}, pass))
	f := &File{cases: []*plan{{name: "a", steps: []*step{{name: "request_headers", headers: host.Headers{}}}}}}
	m, err := host.Compile(t.Context(), endless, host.Interpreter)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = m.Close(t.Context()) }()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if suite, err := f.Run(ctx, m, Options{}); !errors.Is(err, context.DeadlineExceeded) || len(suite.Cases) > 0 {
		t.Errorf("%v, %v", suite, err)
	}
}

// TestFilesOfServiceExtensions: files written for Google's runner are read unchanged. The example in Rust does not do what
// they expect of their own; that is compared in module e2e.
func TestFilesOfServiceExtensions(t *testing.T) {
	want := []string{
		`Headers_Proto response_headers: an immediate response is expected, and the filter gave none`,
		`Headers_Proto response_headers: there is no header error, want "goaway"`,
		`Headers_Proto response_headers: header server-message is "welcome", want none`,
	}
	for _, name := range []string{"tests.textpb", "tests.yaml"} {
		suite := ranFile(t, example(t, "add-header-rust"), "testdata/service-extensions/"+name, Options{})
		var got []string
		for _, r := range suite.Cases {
			for _, line := range r.Failures {
				if !strings.Contains(line, "the log: ") && !strings.Contains(line, "the body: ") {
					got = append(got, fmt.Sprint(r.Name, " ", line))
				}
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
		if len(suite.Cases) != 3 || !cmp.Equal(suite.Notes, []string{"env.log_path is not written: the log of a case that fails is shown with it"}) {
			t.Errorf("%s: %d cases, %q", name, len(suite.Cases), suite.Notes)
		}
	}
}
