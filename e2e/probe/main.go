// SPDX-License-Identifier: Apache-2.0

// Command probe logs what it sees at each step of a stream: which headers, bodies and properties it can read, and what the
// host answers. Its configuration are words that say what it does besides: they are in act.
package main

import (
	"fmt"
	"slices"
	"strings"
	"unsafe"

	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm"
	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm/types"
)

func main() {}

func init() {
	proxywasm.SetPluginContext(func(uint32) types.PluginContext { return &plugin{} })
}

type plugin struct {
	types.DefaultPluginContext
	words    []string
	held     *stream // it waits
	response bool    // its response does
}

// OnPluginStart takes the configuration.
func (p *plugin) OnPluginStart(size int) types.OnPluginStartStatus {
	configuration, err := proxywasm.GetPluginConfiguration()
	if err != nil && size > 0 {
		return types.OnPluginStartStatusFailed
	}
	p.words = strings.Fields(string(configuration))
	if p.has("tick") {
		_ = proxywasm.SetTickPeriodMilliSeconds(50)
	}
	return types.OnPluginStartStatusOK
}

func (p *plugin) has(word string) bool { return slices.Contains(p.words, word) }

// OnTick resumes a stream that waits.
func (p *plugin) OnTick() {
	if held := p.held; held != nil {
		p.held = nil
		say("tick")
		seeWholes()
		p.resume(held)
	}
}

// resume resumes a stream that waits, or does what the configuration says for that.
func (p *plugin) resume(s *stream) {
	if err := proxywasm.SetEffectiveContext(s.id); err != nil {
		return
	}
	see("resume")
	if p.has("no-resume") {
		s.follow("resume", true)
		return
	}
	if p.response {
		p.response = false
		say("resume %v", proxywasm.ResumeHttpResponse())
		return
	}
	say("resume %v", proxywasm.ResumeHttpRequest())
}

func (p *plugin) NewHttpContext(id uint32) types.HttpContext { return &stream{plugin: p, id: id} }

type stream struct {
	types.DefaultHttpContext
	plugin *plugin
	id     uint32
	single bool // it waits for one message
}

func (s *stream) OnHttpRequestHeaders(n int, end bool) types.Action {
	return s.step("request-headers", -1, end)
}

func (s *stream) OnHttpRequestBody(n int, end bool) types.Action {
	return s.step("request-body", n, end)
}

func (s *stream) OnHttpRequestTrailers(n int) types.Action {
	return s.step("request-trailers", n, true)
}

func (s *stream) OnHttpResponseHeaders(n int, end bool) types.Action {
	return s.step("response-headers", -1, end)
}

func (s *stream) OnHttpResponseBody(n int, end bool) types.Action {
	return s.step("response-body", n, end)
}

func (s *stream) OnHttpResponseTrailers(n int) types.Action {
	return s.step("response-trailers", n, true)
}

func (s *stream) OnHttpStreamDone() { s.step("log", 0, true) }

// step logs what can be seen, and does what the configuration says for the step: <step>=<what>.
func (s *stream) step(name string, n int, end bool) types.Action {
	say("%s %d %t", name, n, end)
	see(name)
	return s.follow(name, end)
}

// follow does what the configuration says for a step.
func (s *stream) follow(name string, end bool) types.Action {
	action := types.ActionContinue
	for _, word := range s.plugin.words {
		at, what, _ := strings.Cut(word, "=")
		if at != name {
			continue
		}
		s.plugin.response = strings.HasPrefix(name, "response")
		if words := strings.Split(what, ","); len(words) > 1 {
			action = s.command(name, words, action)
		} else {
			action = s.act(what, end, action)
		}
	}
	return action
}

func (s *stream) act(what string, end bool, action types.Action) types.Action {
	switch what {
	case "pause":
		s.plugin.held = s
		return types.ActionPause
	case "buffer":
		if !end {
			return types.ActionPause
		}
	case "local":
		say("local %v", proxywasm.SendHttpResponse(418, [][2]string{{"local", "yes"}}, []byte("teapot"), -1))
	case "empty":
		say("local %v", proxywasm.SendHttpResponse(401, nil, nil, -1))
	case "prepend":
		say("prepend %v", proxywasm.PrependHttpRequestBody([]byte("<")))
	case "append":
		say("append %v", proxywasm.AppendHttpRequestBody([]byte(">")))
	case "replace":
		say("replace %v", proxywasm.ReplaceHttpRequestBody([]byte("other")))
	case "part":
		say("part %d %d", setRequestBody(1, 2, "x"), setRequestBody(0, 2, "xyz"))
	case "rewrite":
		say("replace %v", proxywasm.ReplaceHttpResponseBody([]byte("rewritten")))
	case "unsized":
		_ = proxywasm.RemoveHttpRequestHeader("content-length")
		_ = proxywasm.RemoveHttpResponseHeader("content-length")
	case "headers":
		change()
	case "route":
		say("replace %v", proxywasm.ReplaceHttpRequestHeader("x-route", "other"))
	case "count":
		count()
	case "trailers":
		say("trailer %v %v", proxywasm.AddHttpRequestTrailer("x-added", "1"), proxywasm.AddHttpResponseTrailer("x-added", "1"))
	default:
		return s.call(what, action)
	}
	return action
}

// call calls out to what follows in the configuration, and waits for the answer if there will be one.
func (s *stream) call(what string, action types.Action) types.Action {
	kind, name, _ := strings.Cut(what, ":")
	switch kind {
	case "http":
		s.callHTTP(name)
	case "grpc":
		s.single = true
		s.callGRPC("grpc", name)
	case "stream":
		s.openGRPC("grpc", name)
	case "cancel":
		s.callGRPC("grpc", "Cancelled")
		return action
	case "nowhere":
		s.callHTTP("nowhere")
		s.callGRPC("nowhere", "Say")
		return action
	case "trap":
		panic("trap")
	}
	return types.ActionPause
}

// change changes the headers of the request in all ways.
func change() {
	say("add %v", proxywasm.AddHttpRequestHeader("X-Multi", "3"))
	say("add %v", proxywasm.AddHttpRequestHeader("user-agent", "second"))
	say("replace %v", proxywasm.ReplaceHttpRequestHeader("x-one", "replaced"))
	say("remove %v", proxywasm.RemoveHttpRequestHeader("x-gone"))
	say("missing %v", proxywasm.RemoveHttpRequestHeader("x-none"))
	host, err := proxywasm.GetHttpRequestHeader("host")
	say("host %t %v", host != "", err)
	say("property %v", proxywasm.SetProperty([]string{"mine"}, []byte("value")))
	say("property %v", proxywasm.SetProperty([]string{"mine", "too"}, []byte("value")))
}

// properties are those whose values do not differ between runs, or of which only whether they are there is logged.
var properties = []string{
	"request.path", "request.url_path", "request.query", "request.method", "request.protocol", "request.scheme",
	"request.headers.x-multi", "request.headers.host", "request.size", "request.useragent", "request.referer", "response.code", "response.code_details",
	"response.headers.:status", "response.flags", "connection.mtls", "connection.requested_server_name", "plugin_name", "plugin_root_id", "plugin_vm_id", "mine",
	"filter_state.wasm.mine", "mine.too", "nothing", "request.nothing", "request.path.nothing", "response.grpc_status",
	"response.backend_latency", "request.duration",
}

// see logs what can be read.
func see(step string) {
	request, err := proxywasm.GetHttpRequestHeader("x-multi")
	say("  request x-multi %q %v", request, err)
	status, err := proxywasm.GetHttpResponseHeader(":status")
	say("  response :status %q %v", status, err)
	all, err := proxywasm.GetHttpRequestHeaders()
	say("  request %t %v", len(all) > 0, err)
	body, err := proxywasm.GetHttpRequestBody(0, 1000)
	say("  request body %q %v", body, err)
	body, err = proxywasm.GetHttpResponseBody(0, 1000)
	say("  response body %q %v", body, err)
	trailer, err := proxywasm.GetHttpRequestTrailer("x-trailer")
	say("  request trailer %q %v", trailer, err)
	trailer, err = proxywasm.GetHttpResponseTrailer("x-trailer")
	say("  response trailer %q %v", trailer, err)
	_, err = proxywasm.GetPluginConfiguration()
	say("  configuration %v", err)
	seeWholes()
	for _, p := range properties {
		value, err := proxywasm.GetProperty(path(p))
		if p == "response.backend_latency" || p == "request.duration" {
			value = nil
		}
		say("  %s %q %v", p, value, err)
	}
}

func path(p string) []string {
	if p == "filter_state.wasm.mine" {
		return []string{"filter_state", "wasm.mine"}
	}
	return strings.Split(p, ".")
}

func say(format string, args ...any) { proxywasm.LogWarn("probe " + fmt.Sprintf(format, args...)) }

//go:wasmimport env proxy_set_buffer_bytes
func setBufferBytes(buffer, start, size uint32, data unsafe.Pointer, length uint32) uint32

// setRequestBody replaces bytes of the body, which the SDK does for all of them alone, and returns the host's status.
func setRequestBody(start, size uint32, data string) uint32 {
	const requestBody = 0
	return setBufferBytes(requestBody, start, size, unsafe.Pointer(unsafe.StringData(data)), uint32(len(data)))
}
