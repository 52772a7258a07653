package store

import (
	"io"
	"sync"
	"time"

	"github.com/go-logr/logr"

	"github.com/autowasm/autowasm/fetch/module"
)

// DefaultRetention is how long a module is kept after it was last used.
const DefaultRetention = 24 * time.Hour

// Options say where the store lives and what it may hold.
type Options struct {
	// Dir is the directory; it is created when it is absent. Required.
	Dir string
	// MaxModuleBytes is the largest module that Put accepts; 0 means module.MaxSize.
	MaxModuleBytes int64
	// MaxTotalBytes is what all modules may take; 0 means no limit. It is exceeded
	// by at most the modules that are being put when it is reached; Evict makes
	// room, and Put refuses more until it did.
	MaxTotalBytes int64
	// Retention is how long an unreferenced module is kept after it was last
	// served or referenced; 0 means DefaultRetention.
	Retention time.Duration
	// Inspect says which ABI a module speaks, or why it is none; nil means
	// module.Inspect. Its error should be a *failure.Error.
	Inspect func(r io.ReaderAt, size int64) (abi string, err error)
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Log gets what happens without a caller to tell, such as a damaged file.
	Log logr.Logger
}

// Store is a directory of modules. Its methods may be called concurrently.
type Store struct {
	o       Options
	modules string // directory of the modules and their records
	temp    string // directory of what is being written

	// stripes order the changes to one module's files. A stripe is held for a
	// rename or a removal, never while a module is streamed or read.
	stripes  [64]sync.Mutex
	pressure chan struct{}

	mu      sync.RWMutex // never held across I/O
	index   map[string]*entry
	sources map[string]string // source key -> sha256
	total   int64
	lacking int64 // bytes that the disk had no room for since the last Evict
}

// Open opens the store in o.Dir and rebuilds its index from the files there. It
// removes what an earlier process left half-written. It reads no network.
func Open(o Options) (*Store, error) {
	o = o.withDefaults()
	s := &Store{
		o:        o,
		pressure: make(chan struct{}, 1),
		index:    map[string]*entry{},
		sources:  map[string]string{},
	}
	if err := s.makeDirectories(); err != nil {
		return nil, err
	}
	if err := s.rebuild(); err != nil {
		return nil, err
	}
	return s, nil
}

func (o Options) withDefaults() Options {
	if o.MaxModuleBytes <= 0 {
		o.MaxModuleBytes = module.MaxSize
	}
	if o.Retention == 0 {
		o.Retention = DefaultRetention
	}
	if o.Inspect == nil {
		o.Inspect = module.Inspect
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// Usage is how much the store holds.
type Usage struct {
	// Modules is the number of modules.
	Modules int
	// Bytes is the sum of their sizes.
	Bytes int64
}

// Usage returns how much the store holds, from memory.
func (s *Store) Usage() Usage {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return Usage{Modules: len(s.index), Bytes: s.total}
}

// Pressure delivers a value when the store wants Evict to make room: the disk is
// full, or MaxTotalBytes is exceeded.
func (s *Store) Pressure() <-chan struct{} { return s.pressure }

func (s *Store) press() {
	select {
	case s.pressure <- struct{}{}:
	default: // somebody has asked already
	}
}
