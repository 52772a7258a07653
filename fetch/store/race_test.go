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

// Whatever is put, served, remembered and evicted at once: a module is served
// whole or not at all, and what the index says at the end is what the disk has.
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
		if _, err := s.Put(t.Context(), bytes.NewReader(data), sha); err != nil {
			t.Error(err)
		}
		_ = s.Remember("source of "+sha, sha) // fails when it is evicted in between
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
