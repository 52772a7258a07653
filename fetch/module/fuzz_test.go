package module_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/autowasm/autowasm/fetch/module"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
	"github.com/autowasm/autowasm/internal/failure"
)

// FuzzInspect proves that no file makes Inspect panic or allocate without bound,
// and that every refusal is a classified one.
func FuzzInspect(f *testing.F) {
	for _, seed := range [][]byte{
		wasmtest.Module(), wasmtest.NoABI(), wasmtest.Component(), wasmtest.Truncated(), wasmtest.NotWasm(),
		wasmtest.UnknownImport("env", "proxy_nonsense"), wasmtest.Module(wasmtest.ImportMemory("env", "memory"), wasmtest.ImportTable("env", "table")),
		wasmtest.Module(wasmtest.Custom("name", []byte{1, 4, 1, 0, 1, 'f'}), wasmtest.Custom("producers", []byte("\x01\x01a\x01\x01b\x01c"))),
		raw(section(1, "\x03\x4e\x02\x5e\x7f\x01\x5f\x01\x63\x70\x01\x50\x01\x00\x60\x00\x00\x60\x01\x7b\x01\x7c")),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		abi, err := module.Inspect(bytes.NewReader(file), int64(len(file)))
		if fault, ok := errors.AsType[*failure.Error](err); err != nil && (!ok || !fault.Terminal || fault.Error() == "") {
			t.Errorf("Inspect = %#v, want a terminal *failure.Error with a message", err)
		}
		if (err == nil) == (abi == "") {
			t.Errorf("Inspect = %q, %v", abi, err)
		}
		if limit := uint64(1<<20 + 16*len(file)); allocated(bytes.NewReader(file), int64(len(file))) > limit {
			t.Errorf("Inspect allocated more than %d bytes for a file of %d", limit, len(file))
		}
	})
}
