// SPDX-License-Identifier: Apache-2.0

package store

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch/module"
)

// rebuild fills the index from the disk. It leaves a file alone whose name the store would not give.
func (s *Store) rebuild() error {
	files, err := os.ReadDir(s.modules)
	if err != nil {
		return fmt.Errorf("open store: %w", err)
	}
	for _, file := range files {
		name := file.Name()
		if sha, isRecord := strings.CutSuffix(name, recordSuffix); isRecord {
			s.removeOrphan(sha)
			continue
		}
		if file.Type().IsRegular() && v1alpha1.IsSHA256(name) {
			s.restore(name)
		}
	}
	return nil
}

func (s *Store) removeOrphan(sha string) {
	if !v1alpha1.IsSHA256(sha) {
		return
	}
	if _, err := os.Lstat(s.path(sha)); !os.IsNotExist(err) {
		return
	}
	if err := s.removeFiles(sha); err != nil {
		s.o.Log.Error(err, "Failed to remove a record without a module", "sha256", sha)
	}
}

// restore adds one module by its record or, without one, by its content.
func (s *Store) restore(sha string) {
	e, err := s.entryFromRecord(sha)
	if err != nil {
		s.o.Log.Info("Module has no usable record, reading the module", "sha256", sha, "err", err.Error())
		e, err = s.entryFromContent(sha)
	}
	if err != nil {
		s.o.Log.Error(err, "Removing a file that is not the module that its name says", "sha256", sha)
		if err := s.removeFiles(sha); err != nil {
			s.o.Log.Error(err, "Failed to remove a damaged module", "sha256", sha)
		}
		return
	}
	s.add(e)
	for _, key := range e.sources {
		s.sources[key] = sha
	}
}

// entryFromRecord trusts the record; the hash is checked before the module is first served.
func (s *Store) entryFromRecord(sha string) (*entry, error) {
	stat, err := os.Stat(s.path(sha))
	if err != nil {
		return nil, err
	}
	r, err := s.readRecord(sha, stat.Size())
	if err != nil {
		return nil, err
	}
	schema, err := s.schemaFromRecord(sha, r)
	if err != nil {
		return nil, err
	}
	e := &entry{
		Module: Module{
			Info:      module.Info{SHA256: sha, Size: r.Size, ABI: r.ABI, CodeBytes: r.CodeBytes, Schema: schema},
			FetchedAt: r.FetchedAt,
		},
		namespace: r.Namespace,
		sources:   r.Sources,
	}
	e.served.Store(stat.ModTime().UnixNano())
	e.touched.Store(stat.ModTime().UnixNano())
	return e, nil
}

// entryFromContent hashes and inspects a module and writes its record, without which the module is as good.
func (s *Store) entryFromContent(sha string) (*entry, error) {
	f, err := os.Open(s.path(sha))
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read
	stat, err := f.Stat()
	if err != nil {
		return nil, err
	}
	got, err := hashOf(io.LimitReader(f, s.o.MaxModuleBytes+1))
	if err != nil {
		return nil, err
	}
	if got != sha {
		return nil, fmt.Errorf("its sha256 is %s", got)
	}
	info, err := s.o.Inspect(f, stat.Size())
	if err != nil {
		return nil, err
	}
	info.SHA256 = sha
	e := s.newEntry(info, "")
	if err := s.writeRecord(sha, recordOf(e)); err != nil {
		s.o.Log.Error(err, "Failed to write the record of a module", "sha256", sha)
	}
	return e, nil
}
