// SPDX-License-Identifier: Apache-2.0

package filtertest

import (
	"errors"
	"fmt"
	"strings"

	"github.com/autowasm/autowasm/host"
)

// plan is a case that has been checked, with all that it names read.
type plan struct {
	name       string
	attributes host.Attributes
	init       *expected // of the plugin's start, its logs alone; so are these
	created    *expected
	destroyed  *expected
	steps      []*step
}

// step is what comes to the filter at once: headers, or a body in parts.
type step struct {
	name     string // as in the test file
	response bool
	headers  host.Headers // nil for a body
	parts    [][]byte
	end      bool      // nothing follows in this direction
	expected *expected // nil for a step that the case does not have
}

// plan checks a case.
func (f *File) plan(c *testCase) (*plan, error) {
	p := &plan{name: c.Name}
	if c.Name == "" {
		return nil, errors.New("it has no name: give it one, by which its result is reported")
	}
	if c.NumChunks != nil && (*c.NumChunks < 1 || *c.NumChunks > maxChunks) || c.ChunkSize != nil && *c.ChunkSize < 1 {
		return nil, fmt.Errorf("num_chunks has to be 1 to %d, and chunk_size at least 1", maxChunks)
	}
	var err error
	if p.attributes, err = attributes(c.Properties); err != nil {
		return nil, err
	}
	for _, e := range []struct {
		name  string
		given *expectation
		to    **expected
	}{
		{"plugin_init", c.PluginInit, &p.init}, {"stream_init", c.StreamInit, &p.created},
		{"stream_destroy", c.StreamDestroy, &p.destroyed},
	} {
		if *e.to, err = f.expect(e.given); err != nil {
			return nil, fmt.Errorf("%s.%w", e.name, err)
		}
	}
	p.steps, err = f.steps(c)
	return p, err
}

// attributes makes a tree of paths with dots.
func attributes(properties []*property) (host.Attributes, error) {
	all := host.Attributes{}
	for _, p := range properties {
		parts := strings.Split(p.Path, ".")
		at := map[string]any(all)
		for _, part := range parts[:len(parts)-1] {
			inner, ok := at[part].(map[string]any)
			if _, taken := at[part]; taken && !ok {
				return nil, fmt.Errorf("properties: %s is below another that has a value", p.Path)
			}
			if !ok {
				inner = map[string]any{}
				at[part] = inner
			}
			at = inner
		}
		last := parts[len(parts)-1]
		if _, taken := at[last]; taken || p.Path == "" {
			return nil, fmt.Errorf("properties: %q is there twice, above another, or empty", p.Path)
		}
		at[last] = string(p.Value)
	}
	return all, nil
}

// steps puts in order what comes to the filter. As in Envoy, headers come before a body, and a request before a response:
// where the case has none, there is a GET of /, or a POST if it has a body, and a 200.
func (f *File) steps(c *testCase) ([]*step, error) {
	hasResponse := c.ResponseHeaders != nil || len(c.ResponseBody) > 0
	if !hasResponse && c.RequestHeaders == nil && len(c.RequestBody) == 0 {
		return nil, nil
	}
	implied := impliedRequest("GET")
	if len(c.RequestBody) > 0 {
		implied = impliedRequest("POST")
	}
	steps, err := f.message(c, false, c.RequestHeaders, c.RequestBody, implied)
	if err != nil || !hasResponse {
		return steps, err
	}
	response, err := f.message(c, true, c.ResponseHeaders, c.ResponseBody, host.Headers{{":status", "200"}})
	return append(steps, response...), err
}

func impliedRequest(method string) host.Headers {
	return host.Headers{{":method", method}, {":scheme", "http"}, {":authority", "example.com"}, {":path", "/"}}
}

// message makes the steps of a request or a response.
func (f *File) message(
	c *testCase, response bool, headers *invocation, body []*invocation, implied host.Headers,
) ([]*step, error) {
	name := "request"
	if response {
		name = "response"
	}
	first := &step{name: name + "_headers", response: response, headers: implied, end: len(body) == 0}
	if headers != nil {
		var err error
		if first.headers, err = f.headers(headers.Input, !response); err != nil {
			return nil, fmt.Errorf("%s_headers.%w", name, err)
		}
		if first.expected, err = f.expect(headers.Result); err != nil {
			return nil, fmt.Errorf("%s_headers.result.%w", name, err)
		}
	}
	steps := []*step{first}
	if len(body) > 1 && (c.NumChunks != nil || c.ChunkSize != nil) {
		return nil, fmt.Errorf("%s_body is there %d times, which excludes num_chunks and chunk_size: these cut one body",
			name, len(body))
	}
	for i, invoked := range body {
		s, err := f.body(c, invoked)
		if s.name = name + "_body"; len(body) > 1 {
			s.name = fmt.Sprintf("%s_body[%d]", name, i)
		}
		if err != nil {
			return nil, fmt.Errorf("%s.%w", s.name, err)
		}
		s.response, s.end = response, i == len(body)-1
		steps = append(steps, s)
	}
	return steps, nil
}

// headers are those that are given, in one of the three ways.
func (f *File) headers(in *input, isRequest bool) (host.Headers, error) {
	headers := host.Headers{}
	if in == nil {
		return headers, nil
	}
	content, err := f.content(in)
	if err != nil {
		return nil, err
	}
	if len(in.Header) > 0 && content != nil {
		return nil, errors.New("input has header, and content or file: choose one")
	}
	for _, h := range in.Header {
		if h.Key == "" {
			return nil, errors.New("input.header has no key")
		}
		headers.Add(h.Key, string(h.Value))
	}
	if len(content) > 0 {
		if headers, err = parseHTTP1(string(content), isRequest); err != nil {
			return nil, fmt.Errorf("input: %w", err)
		}
	}
	if len(headers) > maxHeaders {
		return nil, fmt.Errorf("input has %d headers; the limit is %d", len(headers), maxHeaders)
	}
	return headers, nil
}

// content is that of an input, nil if it has none.
func (f *File) content(in *input) ([]byte, error) {
	if in.File == "" {
		return in.Content, nil
	}
	if len(in.Content) > 0 {
		return nil, errors.New("input has content and file: choose one")
	}
	content, err := f.read(in.File)
	if err != nil {
		return nil, fmt.Errorf("input.file: %w", err)
	}
	return content, nil
}

// body cuts a body into its parts.
func (f *File) body(c *testCase, invoked *invocation) (*step, error) {
	s := &step{}
	var content []byte
	var err error
	if invoked.Input != nil {
		if len(invoked.Input.Header) > 0 {
			return s, errors.New("input.header is for headers: give a body by content or file")
		}
		if content, err = f.content(invoked.Input); err != nil {
			return s, err
		}
	}
	if s.parts, err = cut(content, c); err != nil {
		return s, err
	}
	if s.expected, err = f.expect(invoked.Result); err != nil {
		err = fmt.Errorf("result.%w", err)
	}
	return s, err
}

// cut cuts a body as the case says; the last part has what remains.
func cut(content []byte, c *testCase) ([][]byte, error) {
	count, size := 1, len(content)
	switch {
	case c.NumChunks != nil:
		count = max(1, min(int(*c.NumChunks), len(content)))
		size = len(content) / count
	case c.ChunkSize != nil && *c.ChunkSize < int64(len(content)):
		size = int(*c.ChunkSize)
		count = (len(content) + size - 1) / size
	}
	if count > maxChunks {
		return nil, fmt.Errorf("input is cut into %d parts; the limit is %d", count, maxChunks)
	}
	var parts [][]byte
	for range count - 1 {
		parts = append(parts, content[:size])
		content = content[size:]
	}
	return append(parts, content), nil
}
