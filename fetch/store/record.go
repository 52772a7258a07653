// SPDX-License-Identifier: Apache-2.0

package store

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"
)

const (
	// recordSuffix follows the module's name in the name of its record.
	recordSuffix = ".json"
	// maxRecordBytes bounds what is read of a record.
	maxRecordBytes = 4 << 20
)

// record is what the store writes beside a module.
type record struct {
	Size      int64  `json:"size"`
	ABI       string `json:"abi"`
	CodeBytes int64  `json:"codeBytes,omitempty"`
	// Schema is where the module carries a schema, offset and size; nil if that was not recorded.
	Schema    *[2]int64 `json:"schema,omitempty"`
	FetchedAt time.Time `json:"fetchedAt"`
	Namespace string    `json:"namespace,omitempty"`
	Sources   []string  `json:"sources,omitempty"`
}

func recordOf(e *entry) record {
	return record{
		Size: e.Size, ABI: e.ABI, CodeBytes: e.CodeBytes, Schema: &[2]int64{e.Schema.Offset, e.Schema.Size},
		FetchedAt: e.FetchedAt.UTC(), Namespace: e.namespace, Sources: e.sources,
	}
}

// writeRecord replaces the record of a module. It is not synced: Open writes one again that a crash took away. The
// caller holds the module's file lock.
func (s *Store) writeRecord(sha256 string, r record) error {
	data, err := json.Marshal(r)
	if err != nil {
		return s.writeFailed("encode the record of module "+sha256, err)
	}
	if err := s.replace(s.recordPath(sha256), data); err != nil {
		return s.writeFailed("write the record of module "+sha256, err)
	}
	return nil
}

func (s *Store) replace(path string, data []byte) error {
	f, err := os.CreateTemp(s.temp, "record-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // gone after the rename
	if _, err := f.Write(data); err != nil {
		f.Close() //nolint:errcheck // the write's error says more
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// readRecord returns the record of a module of the given size; an absent, broken or another file's is an error.
func (s *Store) readRecord(sha256 string, size int64) (record, error) {
	f, err := os.Open(filepath.Clean(s.recordPath(sha256)))
	if err != nil {
		return record{}, err
	}
	defer f.Close() //nolint:errcheck // only read
	var r record
	if err := json.NewDecoder(io.LimitReader(f, maxRecordBytes)).Decode(&r); err != nil {
		return record{}, fmt.Errorf("decode: %w", err)
	}
	if r.Size != size || r.ABI == "" || r.FetchedAt.IsZero() || len(r.Sources) > maxSources {
		return record{}, fmt.Errorf("does not fit a module of %d bytes", size)
	}
	return r, nil
}

func (s *Store) path(sha256 string) string { return filepath.Join(s.modules, sha256) }

func (s *Store) recordPath(sha256 string) string { return s.path(sha256) + recordSuffix }

func (s *Store) fileLock(sha256 string) *sync.Mutex {
	h := fnv.New32a()
	h.Write([]byte(sha256)) //nolint:errcheck // never fails
	return &s.fileLocks[h.Sum32()%uint32(len(s.fileLocks))]
}

// removeFiles removes a module and its record. The module goes first: Open removes a record without a module, and
// keeps a module without a record. The caller holds the module's file lock.
func (s *Store) removeFiles(sha256 string) error {
	for _, path := range []string{s.path(sha256), s.recordPath(sha256)} {
		if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
			return fmt.Errorf("remove module %s: %w", sha256, err)
		}
	}
	return nil
}

func syncDir(path string) error {
	d, err := os.Open(filepath.Clean(path))
	if err != nil {
		return err
	}
	defer d.Close() //nolint:errcheck // only synced
	return d.Sync()
}
