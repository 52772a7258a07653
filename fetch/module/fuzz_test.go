// SPDX-License-Identifier: Apache-2.0

package module_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

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
	f.Fuzz(func(t *testing.T, file []byte) { checkFuzzed(t, file) })
}

// FuzzSection puts the bytes into one section of a module, so that they get past the
// preamble and the sizes.
func FuzzSection(f *testing.F) {
	for id, content := range map[byte]string{
		0: "\x04name\x01\x07\x02\x00\x01f\x01\x01g", 1: "\x03\x4e\x02\x5e\x7f\x01\x5f\x01\x63\x70\x01\x50\x01\x00\x60\x00\x00\x60\x01\x7b\x01\x7c",
		2: "\x03\x03env\x01m\x02\x01\x01\x02\x03env\x01t\x01\x70\x00\x01\x03env\x01f\x00\x00", 3: "\x02\x00\x01", 5: "\x01\x07\x01\x02",
		7: "\x02\x06malloc\x00\x00\x17proxy_abi_version_0_2_1\x00\x00", 8: "\x00", 10: "\x01\x02\x00\x0b", 12: "\x01",
	} {
		f.Add(id, []byte(content))
	}
	f.Add(byte(0), []byte("\x09producers\x01\x03sdk\x01\x01a\x01b"))
	f.Fuzz(func(t *testing.T, id byte, content []byte) {
		checkFuzzed(t, raw(section(id, string(content))))
		checkFuzzed(t, wasmtest.Module(wasmtest.Section(id, content)))
	})
}

// checkFuzzed inspects a file in bounded time and memory, and insists that a refusal is
// a classified one.
func checkFuzzed(t *testing.T, file []byte) {
	t.Helper()
	started := time.Now()
	info, err := module.Inspect(reader(file))
	if fault, ok := errors.AsType[*failure.Error](err); err != nil && (!ok || !fault.Terminal || fault.Error() == "" || len(fault.Error()) > 16<<10) {
		t.Errorf("Inspect = %#v, want a terminal *failure.Error with a message", err)
	}
	if (err == nil) == (info.ABI == "") {
		t.Errorf("Inspect = %+v, %v", info, err)
	}
	if took := time.Since(started); took > 5*time.Second {
		t.Errorf("Inspect took %s for a file of %d bytes", took, len(file))
	}
	if limit := uint64(1<<20 + 16*len(file)); allocated(bytes.NewReader(file), int64(len(file))) > limit {
		t.Errorf("Inspect allocated more than %d bytes for a file of %d", limit, len(file))
	}
}
