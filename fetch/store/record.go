package store

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// maxRecord bounds what is read of a record, in bytes.
const maxRecord = 4 << 20

// record is what the store writes beside a module.
type record struct {
	Size      int64     `json:"size"`
	ABI       string    `json:"abi"`
	FetchedAt time.Time `json:"fetchedAt"`
	Sources   []string  `json:"sources,omitempty"`
}

func recordOf(e *entry, sources []string) record {
	return record{Size: e.Size, ABI: e.ABI, FetchedAt: e.FetchedAt.UTC(), Sources: sources}
}

// writeRecord replaces the record of a module. It is not synced: a record that a
// crash takes away is made again by Open. The caller holds the module's stripe.
func (s *Store) writeRecord(sha256 string, r record) error {
	data, err := json.Marshal(r)
	if err != nil {
		return s.writeFailed("encode the record of module "+sha256, err)
	}
	if err := s.replace(s.path(sha256)+recordSuffix, data); err != nil {
		return s.writeFailed("write the record of module "+sha256, err)
	}
	return nil
}

// replace writes a file beside its place and renames it there.
func (s *Store) replace(path string, data []byte) error {
	f, err := os.CreateTemp(s.temp, "record-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // gone already after the rename
	if _, err := f.Write(data); err != nil {
		f.Close() //nolint:errcheck // the write's error says more
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// readRecord returns the record of a module of the given size, or an error when
// it is absent, broken or of another file.
func (s *Store) readRecord(sha256 string, size int64) (record, error) {
	f, err := os.Open(filepath.Clean(s.path(sha256) + recordSuffix))
	if err != nil {
		return record{}, err
	}
	defer f.Close() //nolint:errcheck // only read
	var r record
	if err := json.NewDecoder(io.LimitReader(f, maxRecord)).Decode(&r); err != nil {
		return record{}, fmt.Errorf("decode: %w", err)
	}
	if r.Size != size || r.ABI == "" || r.FetchedAt.IsZero() || len(r.Sources) > maxSources {
		return record{}, fmt.Errorf("does not fit a module of %d bytes", size)
	}
	return r, nil
}
