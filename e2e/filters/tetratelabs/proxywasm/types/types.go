// SPDX-License-Identifier: Apache-2.0

// Package types has those names of the SDK for TinyGo that Coraza's plugin uses, which are those of the SDK for plain Go.
package types

import "github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm/types"

// What a plugin is made of, and what it returns to the proxy.
type (
	Action               = types.Action
	DefaultHttpContext   = types.DefaultHttpContext
	DefaultPluginContext = types.DefaultPluginContext
	DefaultVMContext     = types.DefaultVMContext
	HttpContext          = types.HttpContext
	OnPluginStartStatus  = types.OnPluginStartStatus
	PluginContext        = types.PluginContext
	VMContext            = types.VMContext
)

// What a plugin returns to the proxy.
const (
	ActionContinue            = types.ActionContinue
	ActionPause               = types.ActionPause
	OnPluginStartStatusFailed = types.OnPluginStartStatusFailed
	OnPluginStartStatusOK     = types.OnPluginStartStatusOK
)

// ErrorStatusNotFound is returned for what the proxy does not have.
var ErrorStatusNotFound = types.ErrorStatusNotFound
