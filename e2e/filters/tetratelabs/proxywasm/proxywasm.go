// SPDX-License-Identifier: Apache-2.0

// Package proxywasm has those names of the SDK for TinyGo that Coraza's plugin uses. Each is that of the SDK for plain Go,
// into which the former has been turned.
package proxywasm

import "github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm"

// MetricCounter is a counter of the proxy.
type MetricCounter = proxywasm.MetricCounter

// What a plugin calls in the proxy.
var (
	DefineCounterMetric     = proxywasm.DefineCounterMetric
	GetHttpRequestBody      = proxywasm.GetHttpRequestBody
	GetHttpRequestHeader    = proxywasm.GetHttpRequestHeader
	GetHttpRequestHeaders   = proxywasm.GetHttpRequestHeaders
	GetHttpResponseBody     = proxywasm.GetHttpResponseBody
	GetHttpResponseHeader   = proxywasm.GetHttpResponseHeader
	GetHttpResponseHeaders  = proxywasm.GetHttpResponseHeaders
	GetPluginConfiguration  = proxywasm.GetPluginConfiguration
	GetProperty             = proxywasm.GetProperty
	LogCritical             = proxywasm.LogCritical
	LogCriticalf            = proxywasm.LogCriticalf
	LogDebug                = proxywasm.LogDebug
	LogDebugf               = proxywasm.LogDebugf
	LogError                = proxywasm.LogError
	LogErrorf               = proxywasm.LogErrorf
	LogInfo                 = proxywasm.LogInfo
	LogInfof                = proxywasm.LogInfof
	LogTracef               = proxywasm.LogTracef
	LogWarn                 = proxywasm.LogWarn
	LogWarnf                = proxywasm.LogWarnf
	ReplaceHttpResponseBody = proxywasm.ReplaceHttpResponseBody
	SendHttpResponse        = proxywasm.SendHttpResponse
)
