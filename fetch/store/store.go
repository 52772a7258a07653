// SPDX-License-Identifier: Apache-2.0

package store

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/go-logr/logr"

	"github.com/autowasm/autowasm/fetch/module"
)

// DefaultRetention is how long a module is kept after it was last used.
const DefaultRetention = 24 * time.Hour

// DefaultMaxModules is the default of Options.MaxModules.
const DefaultMaxModules = 20_000

// Options configure a Store.
type Options struct {
	// Dir is the directory; it is created when it is absent. Required.
	Dir string
	// MaxModuleBytes is the largest module that Put accepts; 0 means module.MaxSize.
	MaxModuleBytes int64
	// MaxTotalBytes is what all modules may take of the disk, in whole blocks and with their records; 0 means no
	// limit. Above it Put refuses and Evict makes room. One namespace gets half of it. It is exceeded by at most the
	// modules that are being put when it is reached, and by those that are referenced.
	MaxTotalBytes int64
	// MaxModules is how many modules there may be: each takes memory too, and files of the disk. It limits as MaxTotalBytes
	// does; 0 means DefaultMaxModules.
	MaxModules int
	// Retention is how long a module is kept after it was last served or referenced; 0 means DefaultRetention.
	Retention time.Duration
	// Inspect returns what a module is, or a *failure.Error; nil means module.Inspect.
	Inspect func(r io.ReaderAt, size int64) (module.Info, error)
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Log gets what no caller gets as an error, such as a damaged file.
	Log logr.Logger
}

func (o Options) withDefaults() Options {
	o.MaxModuleBytes = cmp.Or(max(o.MaxModuleBytes, 0), module.MaxSize)
	o.MaxModules = cmp.Or(o.MaxModules, DefaultMaxModules)
	o.Retention = cmp.Or(o.Retention, DefaultRetention)
	if o.Inspect == nil {
		o.Inspect = module.Inspect
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// Store is a directory of modules. Its methods may be called concurrently.
type Store struct {
	o       Options
	modules string // directory of the modules and their records
	temp    string // directory of the files that are being written

	// fileLocks order the changes to one module's files. None is held while a module is streamed or read.
	fileLocks [64]sync.Mutex
	pressure  chan struct{}

	mu      sync.RWMutex // never held across I/O
	index   map[string]*entry
	sources map[string]string // source key -> sha256
	total   int64             // bytes that all modules take of the disk
	charged map[string]int64  // of these, by the namespace that the module was put for
	missing int64             // bytes that the disk lacked since the last Evict
}

// Open rebuilds the index from the files in o.Dir, and removes what an earlier process left half-written.
func Open(o Options) (*Store, error) {
	o = o.withDefaults()
	s := &Store{
		o:        o,
		modules:  filepath.Join(o.Dir, "sha256"),
		temp:     filepath.Join(o.Dir, "tmp"),
		pressure: make(chan struct{}, 1),
		index:    map[string]*entry{},
		sources:  map[string]string{},
		charged:  map[string]int64{},
	}
	if err := s.makeDirectories(); err != nil {
		return nil, err
	}
	if err := s.rebuild(); err != nil {
		return nil, err
	}
	return s, nil
}

// makeDirectories creates what is missing and empties the temporary directory.
func (s *Store) makeDirectories() error {
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
