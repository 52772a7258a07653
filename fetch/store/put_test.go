package store_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch/module"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
	"github.com/autowasm/autowasm/fetch/store"
	"github.com/autowasm/autowasm/internal/failure"
)

func TestPutKeepsAModule(t *testing.T) {
	f := newFixture(t)
	data := wasmtest.Module(wasmtest.Padding(700_000))
	want := module.Info{SHA256: hashOf(data), Size: int64(len(data)), ABI: "0.2.1"}

	got, err := f.Put(t.Context(), iotest.OneByteReader(bytes.NewReader(data)), want.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	looked, found := f.Lookup(want.SHA256)
	if diff := cmp.Diff(want, got) + cmp.Diff(want, looked); diff != "" || !found {
		t.Errorf("found %v, (-want +got):\n%s", found, diff)
	}
	if !bytes.Equal(f.serve(want.SHA256), data) {
		t.Error("the store serves other bytes than it was given")
	}
	if left := f.temporary(); left != nil {
		t.Errorf("temporary files are left: %v", left)
	}
	if diff := cmp.Diff(store.Usage{Modules: 1, Bytes: want.Size}, f.Usage()); diff != "" {
		t.Error(diff)
	}
}

func TestPutTwiceKeepsOne(t *testing.T) {
	f := newFixture(t)
	a, b := f.put("x"), f.put("x")
	if diff := cmp.Diff(a, b) + cmp.Diff(store.Usage{Modules: 1, Bytes: a.Size}, f.Usage()); diff != "" {
		t.Error(diff)
	}
}

func TestPutRefuses(t *testing.T) {
	good := wasmtest.Module()
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	tests := []struct {
		name     string
		ctx      context.Context
		r        io.Reader
		want     string
		reason   v1alpha1.Reason
		terminal bool
	}{
		{"a module over the limit", t.Context(), bytes.NewReader(wasmtest.Module(wasmtest.Padding(1001))), "", v1alpha1.ReasonTooLarge, true},
		{"an endless stream", t.Context(), zeros{}, "", v1alpha1.ReasonTooLarge, true},
		{"another hash", t.Context(), bytes.NewReader(good), hashOf(nil), v1alpha1.ReasonDigestMismatch, true},
		{"nothing", t.Context(), bytes.NewReader(nil), "", v1alpha1.ReasonNotWasm, true},
		{"a text", t.Context(), bytes.NewReader(wasmtest.NotWasm()), "", v1alpha1.ReasonNotWasm, true},
		{"a component", t.Context(), bytes.NewReader(wasmtest.Component()), "", v1alpha1.ReasonComponent, true},
		{"a source that breaks off", t.Context(), io.MultiReader(bytes.NewReader(good), iotest.ErrReader(io.ErrUnexpectedEOF)), "", v1alpha1.ReasonUnavailable, false},
		{"a source that classifies", t.Context(), iotest.ErrReader(failure.Terminalf(v1alpha1.ReasonUnauthorized, "no")), "", v1alpha1.ReasonUnauthorized, true},
		{"a caller who left", cancelled, bytes.NewReader(good), "", v1alpha1.ReasonPending, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t, func(o *store.Options) { o.MaxModuleBytes = 1000 })
			_, err := f.Put(tt.ctx, tt.r, tt.want)
			if err == nil {
				t.Fatal("it was stored")
			}
			if got := failure.Of(err); got.Reason != tt.reason || got.Terminal != tt.terminal {
				t.Errorf("Put = %v (%s, terminal %v), want %s, %v", err, got.Reason, got.Terminal, tt.reason, tt.terminal)
			}
			if f.Usage() != (store.Usage{}) || f.temporary() != nil {
				t.Errorf("left behind: %+v, %v", f.Usage(), f.temporary())
			}
		})
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

func TestPutTakesExactlyTheLimit(t *testing.T) {
	data := wasmtest.Module(wasmtest.Padding(1000))
	f := newFixture(t, func(o *store.Options) { o.MaxModuleBytes = int64(len(data)) })
	if _, err := f.Put(t.Context(), bytes.NewReader(data), ""); err != nil {
		t.Error(err)
	}
}

func TestDigestMismatchNamesBoth(t *testing.T) {
	f := newFixture(t)
	data := wasmtest.Module()
	_, err := f.Put(t.Context(), bytes.NewReader(data), hashOf(nil))
	for _, hash := range []string{hashOf(data), hashOf(nil)} {
		if err == nil || !bytes.Contains([]byte(err.Error()), []byte(hash)) {
			t.Errorf("%v does not name %s", err, hash)
		}
	}
}

// A disk that cannot be written stands for a full one: both are errors of write.
func TestPutWithoutADiskIsTransient(t *testing.T) {
	f := newFixture(t)
	if err := os.RemoveAll(filepath.Join(f.o.Dir, "tmp")); err != nil {
		t.Fatal(err)
	}
	_, err := f.Put(t.Context(), bytes.NewReader(wasmtest.Module()), "")
	if got := failure.Of(err); err == nil || got.Reason != v1alpha1.ReasonStoreFailed || got.Terminal {
		t.Errorf("Put = %v", err)
	}
}
