// SPDX-License-Identifier: Apache-2.0

// Command json answers a request whose body is not JSON with 400, once it has all of the body, and adds the size of the
// body to the response of any other.
package main

import (
	"encoding/json"
	"strconv"

	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm"
	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm/types"
)

func main() {}

func init() {
	proxywasm.SetHttpContext(func(uint32) types.HttpContext { return &stream{} })
}

type stream struct {
	types.DefaultHttpContext
	size int
}

func (s *stream) OnHttpRequestBody(size int, endOfStream bool) types.Action {
	s.size = size // of all that is held
	if !endOfStream {
		return types.ActionPause
	}
	body, err := proxywasm.GetHttpRequestBody(0, s.size)
	if err != nil {
		panic(err)
	}
	if json.Valid(body) {
		return types.ActionContinue
	}
	s.size = 0 // the response is none to a request that passed
	if err := proxywasm.SendHttpResponse(400, [][2]string{{"hello", "invalid"}}, nil, -1); err != nil {
		panic(err)
	}
	return types.ActionPause
}

func (s *stream) OnHttpResponseHeaders(int, bool) types.Action {
	if s.size == 0 {
		return types.ActionContinue
	}
	if err := proxywasm.AddHttpResponseHeader("hello", strconv.Itoa(s.size)); err != nil {
		panic(err)
	}
	return types.ActionContinue
}
