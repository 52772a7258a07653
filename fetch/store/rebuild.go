package store

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/autowasm/autowasm/fetch/module"
)

// rebuild fills the index from the disk. A file that is no module is removed; one
// whose name the store would not give is left alone.
func (s *Store) rebuild() error {
	files, err := os.ReadDir(s.modules)
	if err != nil {
		return fmt.Errorf("open store: %w", err)
	}
	for _, file := range files {
		name := file.Name()
		if sha, isRecord := strings.CutSuffix(name, recordSuffix); isRecord {
			s.dropOrphan(sha)
			continue
		}
		if file.Type().IsRegular() && module.IsSHA256(name) {
			s.restore(name)
		}
	}
	return nil
}

// dropOrphan removes a record whose module never came or went first.
func (s *Store) dropOrphan(sha string) {
	if !module.IsSHA256(sha) {
		return
	}
	if _, err := os.Lstat(s.path(sha)); !os.IsNotExist(err) {
		return
	}
	if err := s.removeFiles(sha); err != nil {
		s.o.Log.Error(err, "cannot remove a record without a module")
	}
}

// restore takes one module up, by its record or, without one, by its content.
func (s *Store) restore(sha string) {
	e, err := s.recorded(sha)
	if err != nil {
		s.o.Log.Info("module has no usable record, looking at the module itself", "sha256", sha, "reason", err.Error())
		e, err = s.examined(sha)
	}
	if err != nil {
		s.o.Log.Error(err, "removing a file that is not the module it is named after", "sha256", sha)
		if err := s.removeFiles(sha); err != nil {
			s.o.Log.Error(err, "cannot remove a damaged module")
		}
		return
	}
	s.add(e)
	for _, key := range e.sources {
		s.sources[key] = sha
	}
}

// recorded is the entry of a module as its record tells it; its hash is not
// looked at until it is first served.
func (s *Store) recorded(sha string) (*entry, error) {
	stat, err := os.Stat(s.path(sha))
	if err != nil {
		return nil, err
	}
	r, err := s.readRecord(sha, stat.Size())
	if err != nil {
		return nil, err
	}
	e := &entry{
		Module:  Module{Info: module.Info{SHA256: sha, Size: r.Size, ABI: r.ABI}, FetchedAt: r.FetchedAt},
		sources: r.Sources,
	}
	e.served.Store(stat.ModTime().UnixNano())
	e.stamped.Store(stat.ModTime().UnixNano())
	return e, nil
}

// examined is the entry of a module that has no record: hashed and inspected, and
// given one.
func (s *Store) examined(sha string) (*entry, error) {
	f, err := os.Open(s.path(sha))
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read
	digest := sha256.New()
	size, err := copyAll(digest, io.LimitReader(f, s.o.MaxModuleBytes+1))
	if err != nil {
		return nil, err
	}
	if got := hex.EncodeToString(digest.Sum(nil)); got != sha {
		return nil, fmt.Errorf("its sha256 is %s", got)
	}
	abi, err := s.o.Inspect(f, size)
	if err != nil {
		return nil, err
	}
	e := s.fresh(module.Info{SHA256: sha, Size: size, ABI: abi})
	return e, s.writeRecord(sha, recordOf(e, nil))
}
