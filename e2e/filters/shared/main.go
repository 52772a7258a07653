// SPDX-License-Identifier: Apache-2.0

// Command shared counts requests in what all workers of a proxy share: its data, a queue and a metric. The response to a
// request that is counted in each of them has the protocol of the request, a property, as the value of the header hello.
package main

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm"
	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm/types"
)

const name = "requests"

func main() {}

func init() {
	proxywasm.SetPluginContext(func(uint32) types.PluginContext { return &plugin{} })
}

type plugin struct {
	types.DefaultPluginContext
	queue uint32
	count proxywasm.MetricCounter
}

func (p *plugin) OnPluginStart(int) types.OnPluginStartStatus {
	queue, err := proxywasm.RegisterSharedQueue(name)
	if err != nil {
		return types.OnPluginStartStatusFailed
	}
	p.queue, p.count = queue, proxywasm.DefineCounterMetric(name)
	return types.OnPluginStartStatusOK
}

// OnQueueReady may be late: another worker may have what was enqueued.
func (p *plugin) OnQueueReady(queue uint32) {
	if _, err := proxywasm.DequeueSharedQueue(queue); err != nil && !errors.Is(err, types.ErrorStatusEmpty) {
		panic(err)
	}
}

func (p *plugin) NewHttpContext(uint32) types.HttpContext { return &stream{plugin: p} }

type stream struct {
	types.DefaultHttpContext
	plugin *plugin
}

func (s *stream) OnHttpResponseHeaders(int, bool) types.Action {
	s.plugin.count.Increment(1)
	protocol, err := proxywasm.GetProperty([]string{"request", "protocol"})
	if err := errors.Join(err, increment(), proxywasm.EnqueueSharedQueue(s.plugin.queue, protocol)); err != nil {
		panic(err)
	}
	if err := proxywasm.AddHttpResponseHeader("hello", string(protocol)); err != nil {
		panic(err)
	}
	return types.ActionContinue
}

// increment adds one to the shared number, as often as another worker comes first.
func increment() error {
	for {
		data, version, err := proxywasm.GetSharedData(name)
		if err != nil && !errors.Is(err, types.ErrorStatusNotFound) {
			return fmt.Errorf("read the shared number: %w", err)
		}
		if len(data) != 8 {
			data = make([]byte, 8)
		}
		binary.LittleEndian.PutUint64(data, binary.LittleEndian.Uint64(data)+1)
		if err := proxywasm.SetSharedData(name, data, version); !errors.Is(err, types.ErrorStatusCasMismatch) {
			return err
		}
	}
}
