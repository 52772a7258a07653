package module_test

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/autowasm/autowasm/fetch/failure"
	"github.com/autowasm/autowasm/fetch/module"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
)

// verdict is what Inspect says of a module.
type verdict struct {
	ABI      string
	Reason   failure.Reason
	Definite bool
	Message  string
}

func inspect(wasm []byte) verdict {
	abi, err := module.Inspect(bytes.NewReader(wasm), int64(len(wasm)))
	if err == nil {
		return verdict{ABI: abi}
	}
	f := failure.Of(err)
	return verdict{ABI: abi, Reason: f.Reason, Definite: f.Definite, Message: f.Error()}
}

func TestInspectAccepts(t *testing.T) {
	tests := []struct {
		name string
		wasm []byte
		abi  string
	}{
		{"the plain module", wasmtest.Module(), "0.2.1"},
		{"ABI 0.2.0", wasmtest.Module(wasmtest.ABI("0.2.0")), "0.2.0"},
		{"ABI 0.1.0", wasmtest.Module(wasmtest.ABI("0.1.0")), "0.1.0"},
		{"20 MiB", wasmtest.Module(wasmtest.Padding(20 << 20)), "0.2.1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(verdict{ABI: tt.abi}, inspect(tt.wasm)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
