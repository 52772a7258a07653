// SPDX-License-Identifier: Apache-2.0

package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"

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
	want := module.Info{SHA256: hashOf(data), Size: int64(len(data)), ABI: "0.2.1", CodeBytes: 16}

	got, err := f.Put(t.Context(), iotest.HalfReader(bytes.NewReader(data)), want.SHA256, store.Claim{})
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
	if diff := cmp.Diff(store.Usage{Modules: 1, Bytes: diskBytes(want.Size)}, f.Usage()); diff != "" {
		t.Error(diff)
	}
}

func TestPutTwiceKeepsOne(t *testing.T) {
	f := newFixture(t)
	a, b := f.put("x"), f.put("x")
	if diff := cmp.Diff(a, b) + cmp.Diff(store.Usage{Modules: 1, Bytes: diskBytes(a.Size)}, f.Usage()); diff != "" {
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
			_, err := f.Put(tt.ctx, tt.r, tt.want, store.Claim{})
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
	if _, err := f.Put(t.Context(), bytes.NewReader(data), "", store.Claim{}); err != nil {
		t.Error(err)
	}
}

func TestDigestMismatchNamesBoth(t *testing.T) {
	f := newFixture(t)
	data := wasmtest.Module()
	_, err := f.Put(t.Context(), bytes.NewReader(data), hashOf(nil), store.Claim{})
	for _, hash := range []string{hashOf(data), hashOf(nil)} {
		if err == nil || !bytes.Contains([]byte(err.Error()), []byte(hash)) {
			t.Errorf("%v does not name %s", err, hash)
		}
	}
}

// A source may fail with an error that wraps io.EOF: it ended early all the same.
func TestPutTakesOnlyABareEOFForTheEnd(t *testing.T) {
	f := newFixture(t)
	broken := iotest.ErrReader(fmt.Errorf("the connection ended: %w", io.EOF))
	_, err := f.Put(t.Context(), io.MultiReader(bytes.NewReader(wasmtest.Module()), broken), "", store.Claim{})
	if err == nil || failure.Of(err).Reason != v1alpha1.ReasonUnavailable || f.Usage() != (store.Usage{}) {
		t.Errorf("Put = %v, usage %+v", err, f.Usage())
	}
}

// The first bytes of a module may come together with the error, and the end of one
// together with io.EOF.
func TestPutKeepsWhatComesWithAnError(t *testing.T) {
	f := newFixture(t)
	data := wasmtest.Module()
	if _, err := f.Put(t.Context(), iotest.DataErrReader(bytes.NewReader(data)), hashOf(data), store.Claim{}); err != nil {
		t.Error(err)
	}
	_, err := f.Put(t.Context(), cutOff(data[:10]), "", store.Claim{})
	if err == nil || !strings.Contains(err.Error(), "read the module after 10 bytes: unexpected EOF") {
		t.Errorf("Put = %v", err)
	}
}

// cutOff is a reader that returns all it has together with an error.
type cutOff []byte

func (c cutOff) Read(p []byte) (int, error) { return copy(p, c), io.ErrUnexpectedEOF }

// A caller that leaves while a module is read ends the download.
func TestPutEndsWithItsContext(t *testing.T) {
	f := newFixture(t)
	ctx, cancel := context.WithCancel(t.Context())
	after := iotest.ErrReader(errors.New("it is read after the end"))
	_, err := f.Put(ctx, io.MultiReader(cancelling{bytes.NewReader(wasmtest.Module()), cancel}, after), "", store.Claim{})
	if got := failure.Of(err); err == nil || got.Reason != v1alpha1.ReasonPending {
		t.Errorf("Put = %v", err)
	}
}

// cancelling is a reader that ends a context when it is first read.
type cancelling struct {
	io.Reader
	cancel context.CancelFunc
}

func (c cancelling) Read(p []byte) (int, error) {
	c.cancel()
	return c.Reader.Read(p)
}

// A module is never held in memory, however large it is.
func TestPutAllocatesLittle(t *testing.T) {
	f := newFixture(t)
	data := wasmtest.Module(wasmtest.Padding(16 << 20))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := f.Put(t.Context(), bytes.NewReader(data), "", store.Claim{}); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 2<<20 {
		t.Errorf("putting %d bytes allocated %d", len(data), got)
	}
}

// What is in the place of a module is replaced, not followed.
func TestPutReplacesALink(t *testing.T) {
	f := newFixture(t)
	data := wasmtest.Module()
	elsewhere := filepath.Join(t.TempDir(), "file")
	writeFile(t, elsewhere, "not ours")
	if err := os.Symlink(elsewhere, f.path(hashOf(data))); err != nil {
		t.Fatal(err)
	}
	info, err := f.Put(t.Context(), bytes.NewReader(data), "", store.Claim{})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(f.serve(info.SHA256), data) {
		t.Error("other bytes are served")
	}
	if content, err := os.ReadFile(elsewhere); string(content) != "not ours" || err != nil {
		t.Errorf("the file elsewhere has %q, %v", content, err)
	}
}

// A module counts only once it is on the disk: one that cannot be synced is not
// published. Inspect is what runs last before that, and closes the file here.
func TestPutPublishesNothingUnsynced(t *testing.T) {
	f := newFixture(t, func(o *store.Options) {
		o.Inspect = func(r io.ReaderAt, _ int64) (module.Info, error) {
			return module.Info{ABI: "0.2.1"}, r.(io.Closer).Close()
		}
	})
	_, err := f.Put(t.Context(), bytes.NewReader(wasmtest.Module()), "", store.Claim{})
	expectTransient(t, err)
	if f.Usage() != (store.Usage{}) || f.files() != nil || f.temporary() != nil {
		t.Errorf("left behind: %+v, %v, %v", f.Usage(), f.files(), f.temporary())
	}
}

// A source that panics, which its caller recovers from, leaves no goroutine and no
// file.
func TestPutOfASourceThatPanics(t *testing.T) {
	f := newFixture(t)
	before := runtime.NumGoroutine()
	func() {
		defer func() { _ = recover() }()
		_, _ = f.Put(t.Context(), io.MultiReader(bytes.NewReader(wasmtest.Module()), panicking{}), "", store.Claim{})
	}()
	for end := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
	}
	if f.temporary() != nil {
		t.Errorf("temporary files are left: %v", f.temporary())
	}
	f.put("x")
}

type panicking struct{}

func (panicking) Read([]byte) (int, error) { panic("a bug in a decoder") }
