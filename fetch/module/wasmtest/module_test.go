// SPDX-License-Identifier: Apache-2.0

package wasmtest_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"testing"

	"github.com/autowasm/autowasm/fetch/module/wasmtest"
)

func TestModuleIsTheSameEachTime(t *testing.T) {
	build := func() []byte { return wasmtest.Module(wasmtest.Salt("a"), wasmtest.Padding(5000)) }
	if !bytes.Equal(build(), build()) {
		t.Error("two calls returned different bytes")
	}
}

func TestSaltMakesAnotherModule(t *testing.T) {
	if bytes.Equal(wasmtest.Module(wasmtest.Salt("a")), wasmtest.Module(wasmtest.Salt("b"))) {
		t.Error("two salts returned the same bytes")
	}
}

func TestPaddingIsExact(t *testing.T) {
	plain := len(wasmtest.Module())
	for size, want := range map[int]int{0: plain, plain: plain, 300: 300, 70_000: 70_000, 20 << 20: 20 << 20} {
		if got := len(wasmtest.Module(wasmtest.Padding(size))); got != want {
			t.Errorf("Padding(%d) made %d bytes, want %d", size, got, want)
		}
	}
}

func TestPaddingDoesNotCompress(t *testing.T) {
	const size = 1 << 20
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := io.Copy(w, bytes.NewReader(wasmtest.Module(wasmtest.Padding(size)))); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if packed.Len() < size {
		t.Errorf("%d bytes compressed to %d", size, packed.Len())
	}
}
