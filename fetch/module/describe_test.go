// SPDX-License-Identifier: Apache-2.0

package module_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch/module"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
	"github.com/autowasm/autowasm/internal/failure"
)

func describe(t *testing.T, wasm []byte) *module.Description {
	t.Helper()
	d, err := module.Describe(bytes.NewReader(wasm), int64(len(wasm)))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

var exportedFields = cmpopts.IgnoreUnexported(module.Description{}, module.Import{})

func TestDescribe(t *testing.T) {
	producers := "\x02" + // two fields
		"\x08language\x01\x02Go\x081.26.0-x" +
		"\x0cprocessed-by\x02\x02Go\x00\x04wopt\x02v1"
	got := describe(t, wasmtest.Module(
		wasmtest.Import("env", "proxy_nonsense", "I:"),
		wasmtest.Import("wasi_snapshot_preview1", "sched_yield", ":i"),
		wasmtest.ImportGlobal("env", "g"),
		wasmtest.Export("_initialize", ":"),
		wasmtest.Custom("producers", []byte(producers)),
		wasmtest.Salt("abc"),
	))
	want := &module.Description{
		ABI:        "0.2.1",
		Allocator:  "malloc",
		EntryPoint: "_initialize",
		Imports: []module.Import{
			{Module: "env", Name: "proxy_log", Kind: "function", Signature: "(i32,i32,i32)->i32", Since: "2020-08-04", Envoy: "1.36"},
			{Module: "env", Name: "proxy_nonsense", Kind: "function", Signature: "(i64)->()", Problem: "no Envoy up to 1.40 provides it"},
			{Module: "wasi_snapshot_preview1", Name: "sched_yield", Kind: "function", Signature: "()->i32", Since: "2024-12-19", Envoy: "1.36"},
			{Module: "env", Name: "g", Kind: "global", Problem: "Envoy provides no global"},
		},
		CodeBytes: 19,
		Producers: []module.Producer{
			{Field: "language", Name: "Go", Version: "1.26.0-x"},
			{Field: "processed-by", Name: "Go"},
			{Field: "processed-by", Name: "wopt", Version: "v1"},
		},
	}
	if diff := cmp.Diff(want, got, exportedFields); diff != "" {
		t.Error(diff)
	}
}

// Describe does not refuse a module that Envoy cannot run.
func TestDescribeAModuleThatIsNoFilter(t *testing.T) {
	got := describe(t, raw(section(1, "\x01\x60\x00\x00"), section(3, "\x01\x00"), section(5, "\x01\x03\x02\xac\x02"),
		section(7, "\x01\x06_start\x00\x00"), section(8, "\x00"), section(10, "\x01\x02\x00\x0b")))
	if diff := cmp.Diff(&module.Description{EntryPoint: "_start", CodeBytes: 4}, got, exportedFields); diff != "" {
		t.Error(diff)
	}
}

// Half of a broken list of producers is worth nothing.
func TestDescribeLeavesOutBrokenProducers(t *testing.T) {
	got := describe(t, wasmtest.Module(wasmtest.Custom("producers", []byte("\x02\x03sdk\x01\x01a\x011\x09broken"))))
	if got.Producers != nil {
		t.Errorf("Producers = %+v", got.Producers)
	}
}

func TestDescribeRefusesWhatIsNoModule(t *testing.T) {
	_, err := module.Describe(bytes.NewReader(wasmtest.Component()), 8)
	if f := failure.Of(err); f == nil || f.Reason != v1alpha1.ReasonComponent {
		t.Errorf("Describe = %v, want a Component failure", err)
	}
}

// However much a module lists, a description holds only so much of it.
func TestDescribeIsBounded(t *testing.T) {
	options := []wasmtest.Option{wasmtest.NoImports()}
	for i := range 1030 {
		options = append(options, wasmtest.Import("env", fmt.Sprint(i), ":"))
	}
	producers := "\x01\x03sdk\x46" + strings.Repeat("\x01a\x01b", 70)
	options = append(options, wasmtest.Custom("producers", []byte(producers)))
	got := describe(t, wasmtest.Module(options...))
	if len(got.Imports) != 1024 || got.ImportsOmitted != 6 || len(got.Producers) != 64 {
		t.Errorf("%d imports kept, %d omitted, %d producers; want 1024, 6, 64",
			len(got.Imports), got.ImportsOmitted, len(got.Producers))
	}
}

// A function that is imported and exported again keeps its imported type.
func TestDescribeFollowsReexportedImports(t *testing.T) {
	wasm := raw(
		section(1, "\x01\x60\x01\x7f\x00"),
		section(2, "\x01\x03env\x1femscripten_notify_memory_growth\x00\x00"),
		section(5, "\x01\x00\x01"),
		section(7, "\x03\x06malloc\x00\x00\x17proxy_abi_version_0_2_1\x00\x00\x06memory\x02\x00"),
	)
	want := verdict{Reason: v1alpha1.ReasonNotProxyWasm, Message: "a Proxy-Wasm module whose export malloc has a signature that Envoy refuses: want (i32)->i32 for ABI 0.2.1, module has (i32)->(); build it with an SDK for this ABI"}
	if diff := cmp.Diff(want, inspect(t, wasm)); diff != "" {
		t.Error(diff)
	}
}
