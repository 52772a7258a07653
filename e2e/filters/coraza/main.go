// SPDX-License-Identifier: Apache-2.0

// Command coraza is Coraza's web application firewall with its core rule set, as a filter of plain Go. Its own main
// package is for TinyGo; the plugin is the same. A request with the header trap has it trap: that shows what a restart costs.
package main

import (
	"github.com/corazawaf/coraza-proxy-wasm/wasmplugin"
	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm"
	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm/types"
)

func main() {}

func init() { proxywasm.SetVMContext(vm{wasmplugin.NewVMContext()}) }

type vm struct{ types.VMContext }

func (v vm) NewPluginContext(id uint32) types.PluginContext {
	return plugin{v.VMContext.NewPluginContext(id)}
}

type plugin struct{ types.PluginContext }

func (p plugin) NewHttpContext(id uint32) types.HttpContext {
	return stream{p.PluginContext.NewHttpContext(id)}
}

type stream struct{ types.HttpContext }

func (s stream) OnHttpRequestHeaders(n int, endOfStream bool) types.Action {
	if _, err := proxywasm.GetHttpRequestHeader("trap"); err == nil {
		panic("a request has the header trap")
	}
	return s.HttpContext.OnHttpRequestHeaders(n, endOfStream)
}
