// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"encoding/binary"
	"testing"

	"github.com/autowasm/autowasm/fetch/module"
	"github.com/autowasm/autowasm/internal/envoy"
)

// TestCeiling finds the largest module that a proxy loads: the one that wasmer takes, and not a byte more.
func TestCeiling(t *testing.T) {
	t.Parallel()
	eachEnvoy(t, "ceiling", func(t *testing.T, w *Workload, v envoy.Version) {
		sidecar(t, w, ProxyOptions{Envoy: v})
		f, _ := twoFilters(t, w, "")
		f.retries = 1
		f.module = f.server.add(padded(t, f.server.module("earth"), module.MaxSize+1))
		f.apply(t)
		waitThrough(t, w.URL(InboundPort), "200", "503")
		f.module = f.server.add(padded(t, f.server.module("earth"), module.MaxSize))
		f.apply(t)
		waitThrough(t, w.URL(InboundPort), "503", "200 earth")
	})
}

// padded is a module made as large as size by a custom section, which nobody reads.
func padded(t *testing.T, wasm []byte, size int) []byte {
	t.Helper()
	const lengthBytes = 5 // of a number that is written with as many as it can take
	content := size - len(wasm) - 1 - lengthBytes
	if content < 1 {
		t.Fatalf("the module has %d bytes already", len(wasm))
	}
	length := binary.AppendUvarint(nil, uint64(content))
	for len(length) < lengthBytes {
		length[len(length)-1] |= 0x80
		length = append(length, 0)
	}
	out := make([]byte, 0, size)
	out = append(append(append(out, wasm...), 0), length...)
	return append(out, make([]byte, content)...) // the first is the length of the section's name: none
}
