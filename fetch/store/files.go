package store

import (
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"sync"
)

// recordSuffix follows the module's name in the name of its record.
const recordSuffix = ".json"

func (s *Store) path(sha256 string) string { return filepath.Join(s.modules, sha256) }

func (s *Store) stripe(sha256 string) *sync.Mutex {
	h := fnv.New32a()
	h.Write([]byte(sha256)) //nolint:errcheck // never fails
	return &s.stripes[h.Sum32()%uint32(len(s.stripes))]
}

// makeDirectories creates what is missing and empties the temporary directory.
func (s *Store) makeDirectories() error {
	s.modules = filepath.Join(s.o.Dir, "sha256")
	s.temp = filepath.Join(s.o.Dir, "tmp")
	if err := os.RemoveAll(s.temp); err != nil {
		return fmt.Errorf("open store: remove stale temporary files: %w", err)
	}
	for _, dir := range []string{s.modules, s.temp} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("open store: %w", err)
		}
	}
	return nil
}

// removeFiles removes a module and its record. The module goes first: a record
// without a module means nothing, a module without a record is taken up again.
// The caller holds the module's stripe.
func (s *Store) removeFiles(sha256 string) error {
	for _, path := range []string{s.path(sha256), s.path(sha256) + recordSuffix} {
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
