// SPDX-License-Identifier: Apache-2.0

package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"
	"testing"
	"time"

	"github.com/autowasm/autowasm/fetch/module/wasmtest"
	"github.com/autowasm/autowasm/fetch/store"
)

// Put, OpenFile, AddSource and Evict at once: a module is served whole or not at
// all, and the index has at the end what the disk has.
func TestConcurrentUse(t *testing.T) {
	o := store.Options{Dir: t.TempDir(), Retention: time.Nanosecond}
	s, err := store.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	modules := map[string][]byte{}
	for i := range 4 {
		data := wasmtest.Module(wasmtest.Salt(fmt.Sprint(i)), wasmtest.Padding(50_000))
		modules[hashOf(data)] = data
	}
	var work sync.WaitGroup
	for sha, data := range modules {
		work.Go(func() { putOften(t, s, sha, data) })
		work.Go(func() { serveOften(t, s, sha) })
		work.Go(func() { evictOften(t, s) })
	}
	work.Wait()
	expectSameAfterReopen(t, s, o)
}

const often = 60

func putOften(t *testing.T, s *store.Store, sha string, data []byte) {
	for range often {
		if _, err := s.Put(t.Context(), bytes.NewReader(data), sha, store.Claim{}); err != nil {
			t.Error(err)
		}
		_ = s.AddSource("source of "+sha, sha) // fails when it is evicted in between
	}
}

func serveOften(t *testing.T, s *store.Store, sha string) {
	for range often {
		file, _, err := s.OpenFile(sha)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			t.Error(err)
			continue
		}
		data, err := io.ReadAll(file)
		if err != nil || hashOf(data) != sha {
			t.Errorf("served %d bytes, %v", len(data), err)
		}
		file.Close()
	}
}

func evictOften(t *testing.T, s *store.Store) {
	for range often {
		if _, err := s.Evict(func(string) bool { return false }); err != nil {
			t.Error(err)
		}
	}
}

func expectSameAfterReopen(t *testing.T, s *store.Store, o store.Options) {
	t.Helper()
	again, err := store.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	if s.Usage() != again.Usage() {
		t.Errorf("the index says %+v, the disk %+v", s.Usage(), again.Usage())
	}
}

// Many put the same module at once: it is kept once, and none of them fails.
func TestConcurrentPutsOfOneModule(t *testing.T) {
	o := store.Options{Dir: t.TempDir()}
	s, err := store.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	data := wasmtest.Module(wasmtest.Padding(50_000))
	var work sync.WaitGroup
	for range 8 {
		work.Go(func() {
			if _, err := s.Put(t.Context(), bytes.NewReader(data), hashOf(data), store.Claim{}); err != nil {
				t.Error(err)
			}
			file, _, err := s.OpenFile(hashOf(data))
			if err != nil {
				t.Error(err)
				return
			}
			file.Close()
		})
	}
	work.Wait()
	if want := (store.Usage{Modules: 1, Bytes: diskBytes(int64(len(data)))}); s.Usage() != want {
		t.Errorf("usage %+v, want %+v", s.Usage(), want)
	}
	expectSameAfterReopen(t, s, o)
}

// While modules are put and evicted under pressure, one that Use has returned can
// be opened: its name may have been published.
func TestWhatWasUsedCanBeOpened(t *testing.T) {
	s, err := store.Open(store.Options{Dir: t.TempDir(), MaxTotalBytes: 100_000})
	if err != nil {
		t.Fatal(err)
	}
	var work sync.WaitGroup
	for i := range 4 {
		data := wasmtest.Module(wasmtest.Salt(fmt.Sprint(i)), wasmtest.Padding(50_000))
		work.Go(func() {
			for range often {
				_, _ = s.Put(t.Context(), bytes.NewReader(data), "", store.Claim{}) // fails while the store is full
			}
		})
		work.Go(func() { evictOften(t, s) })
		work.Go(func() {
			for range often {
				useAndOpen(t, s, hashOf(data))
			}
		})
	}
	work.Wait()
}

func useAndOpen(t *testing.T, s *store.Store, sha string) {
	if _, ok := s.Use(sha); !ok {
		return
	}
	file, _, err := s.OpenFile(sha)
	if err != nil {
		t.Errorf("used and then lost: %v", err)
		return
	}
	file.Close()
}
