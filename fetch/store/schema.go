// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/configschema"
	"github.com/autowasm/autowasm/fetch/module"
	"github.com/autowasm/autowasm/internal/failure"
)

// Schema returns the schema of its configuration that the module of that sha256 carries, nil if it carries none. Where it
// is in the module is known without the disk; it is read each time, which takes less than a millisecond: another schema is
// another module. The error wraps fs.ErrNotExist as that of OpenFile, or a transient *failure.Error for what cannot be read;
// otherwise it says why what the module carries cannot be used. It does not mark the module as served.
func (s *Store) Schema(sha256 string) (*configschema.Schema, error) {
	e := s.entry(sha256)
	switch {
	case e == nil:
		return nil, fmt.Errorf("read the schema of module %s: %w", sha256, fs.ErrNotExist)
	case e.Info.Schema == (module.Schema{}):
		return nil, nil
	}
	raw, err := s.readSchema(e)
	var schema *configschema.Schema
	if err == nil {
		schema, err = configschema.Parse(raw)
	}
	if err != nil {
		return nil, fmt.Errorf("the schema in the module cannot be used: %w", err)
	}
	return schema, nil
}

func (s *Store) readSchema(e *entry) ([]byte, error) {
	f, err := s.openVerified(e)
	if errors.Is(err, errDamaged) {
		return nil, fmt.Errorf("%w: %w", fs.ErrNotExist, err) // who serves it next discards it
	}
	if err != nil {
		return nil, failure.Transientf(v1alpha1.ReasonStoreFailed, "open the module: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read
	return e.Info.Schema.Read(f)
}

// schemaFromRecord says where a module has its schema. A record of an earlier version does not: then the module does.
func (s *Store) schemaFromRecord(sha256 string, r record) (module.Schema, error) {
	if at := r.Schema; at != nil && at[0] >= 0 && at[1] >= 0 && at[0] <= r.Size-at[1] {
		return module.Schema{Offset: at[0], Size: at[1]}, nil
	}
	f, err := os.Open(s.path(sha256))
	if err != nil {
		return module.Schema{}, err
	}
	defer f.Close() //nolint:errcheck // only read
	info, err := s.o.Inspect(f, r.Size)
	return info.Schema, err
}
