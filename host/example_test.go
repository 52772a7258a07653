// SPDX-License-Identifier: Apache-2.0

package host_test

import (
	"context"
	"fmt"
	"os"

	"github.com/autowasm/autowasm/host"
)

// A filter in Rust adds a header to each response, whose value is its configuration.
func Example() {
	ctx := context.Background()
	wasm, err := os.ReadFile("../examples/add-header-rust/add-header.wasm")
	if err != nil {
		fmt.Println(err)
		return
	}
	m, err := host.Compile(ctx, wasm, host.Interpreter)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = m.Close(ctx) }()
	vm, err := m.Start(ctx, host.VMConfig{ID: "example"})
	if err != nil {
		fmt.Println(err)
		return
	}
	plugin, err := vm.Plugin(ctx, host.PluginConfig{Configuration: []byte("crab")})
	if err != nil {
		fmt.Println(err)
		return
	}
	s, err := plugin.Stream(ctx, host.StreamConfig{})
	if err != nil {
		fmt.Println(err)
		return
	}
	_ = s.RequestHeaders(ctx, host.Headers{{":method", "GET"}, {":path", "/"}}, true)
	_ = s.ResponseHeaders(ctx, host.Headers{{":status", "200"}}, true)
	fmt.Println(s.Response().Headers, s.Close(ctx))
	// Output: [[:status 200] [hello crab]] <nil>
}
