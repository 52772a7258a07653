// SPDX-License-Identifier: Apache-2.0

// Command headers adds its configuration to each response, as the value of the header hello. Without a configuration it
// refuses to start; at a request with the header trap it traps.
package main

import (
	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm"
	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm/types"
)

func main() {}

func init() {
	proxywasm.SetPluginContext(func(uint32) types.PluginContext { return &plugin{} })
}

type plugin struct {
	types.DefaultPluginContext
	value string
}

func (p *plugin) OnPluginStart(int) types.OnPluginStartStatus {
	value, err := proxywasm.GetPluginConfiguration()
	if err != nil || len(value) == 0 {
		proxywasm.LogCriticalf("there is no configuration: %v", err)
		return types.OnPluginStartStatusFailed
	}
	p.value = string(value)
	return types.OnPluginStartStatusOK
}

func (p *plugin) NewHttpContext(uint32) types.HttpContext { return &stream{plugin: p} }

type stream struct {
	types.DefaultHttpContext
	plugin *plugin
}

func (s *stream) OnHttpRequestHeaders(int, bool) types.Action {
	if _, err := proxywasm.GetHttpRequestHeader("trap"); err == nil {
		panic("a request has the header trap")
	}
	return types.ActionContinue
}

func (s *stream) OnHttpResponseHeaders(int, bool) types.Action {
	if err := proxywasm.AddHttpResponseHeader("hello", s.plugin.value); err != nil {
		panic(err)
	}
	return types.ActionContinue
}
