// SPDX-License-Identifier: Apache-2.0

// Command callout sends a request to the cluster of its configuration for each request that it handles, which waits for the
// answer. Its status is added to the response, as the value of the header hello. Where there is no such cluster, it traps.
package main

import (
	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm"
	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm/types"
)

const timeoutMilliseconds = 10_000

func main() {}

func init() {
	proxywasm.SetPluginContext(func(uint32) types.PluginContext { return &plugin{} })
}

type plugin struct {
	types.DefaultPluginContext
	cluster string
}

func (p *plugin) OnPluginStart(int) types.OnPluginStartStatus {
	cluster, err := proxywasm.GetPluginConfiguration()
	if err != nil {
		return types.OnPluginStartStatusFailed
	}
	p.cluster = string(cluster)
	return types.OnPluginStartStatusOK
}

func (p *plugin) NewHttpContext(uint32) types.HttpContext { return &stream{plugin: p} }

type stream struct {
	types.DefaultHttpContext
	plugin *plugin
	status string
}

func (s *stream) OnHttpRequestHeaders(int, bool) types.Action {
	request := [][2]string{{":method", "GET"}, {":path", "/"}, {":authority", "callout"}}
	if _, err := proxywasm.DispatchHttpCall(s.plugin.cluster, request, nil, nil, timeoutMilliseconds, s.answered); err != nil {
		panic(err)
	}
	return types.ActionPause
}

func (s *stream) answered(int, int, int) {
	headers, err := proxywasm.GetHttpCallResponseHeaders()
	if err != nil {
		panic(err)
	}
	for _, h := range headers {
		if h[0] == ":status" {
			s.status = h[1]
		}
	}
	if err := proxywasm.ResumeHttpRequest(); err != nil {
		panic(err)
	}
}

func (s *stream) OnHttpResponseHeaders(int, bool) types.Action {
	if err := proxywasm.AddHttpResponseHeader("hello", s.status); err != nil {
		panic(err)
	}
	return types.ActionContinue
}
