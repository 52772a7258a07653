// Command coraza is Coraza's web application firewall with its core rule set, as a filter of plain Go. Its own main
// package is for TinyGo; the plugin is the same.
package main

import (
	"github.com/corazawaf/coraza-proxy-wasm/wasmplugin"
	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm"
)

func main() {}

func init() { proxywasm.SetVMContext(wasmplugin.NewVMContext()) }
