// SPDX-License-Identifier: Apache-2.0

package module

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"slices"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/configschema"
	"github.com/autowasm/autowasm/internal/failure"
)

// SchemaSection is the name of the custom section in which a module carries the schema of its configuration, as
// configschema.Parse reads it. Of several, the first counts.
const SchemaSection = "wasm.tcm.io/config-schema"

// Schema is where the schema of its configuration is in a module; zero if it carries none.
type Schema struct {
	// Offset of its first byte in the module.
	Offset int64
	// Size in bytes, which may be more than configschema.MaxBytes.
	Size int64
}

// Read returns the schema in the module that r reads, nil if it carries none. A schema that is too large is an error, and
// is not read.
func (s Schema) Read(r io.ReaderAt) ([]byte, error) {
	switch {
	case s == (Schema{}):
		return nil, nil
	case s.Size > configschema.MaxBytes:
		return nil, fmt.Errorf("it has %d bytes, more than %d", s.Size, configschema.MaxBytes)
	}
	content := make([]byte, s.Size)
	if _, err := r.ReadAt(content, s.Offset); err != nil && err != io.EOF {
		return nil, failure.Transientf(v1alpha1.ReasonStoreFailed, "read the schema in the module: %w", err)
	}
	return content, nil
}

// WithSchema returns a copy of a module that carries a schema in place of what it carried. Only custom sections differ:
// Envoy runs it as it runs the module. It fails as Describe does for what does not consist of sections.
func WithSchema(wasm, schema []byte) ([]byte, error) {
	if err := checkPreamble(bytes.NewReader(wasm), int64(len(wasm))); err != nil {
		return nil, classify(err)
	}
	kept, err := withoutSchema(wasm)
	if err != nil {
		return nil, classify(err)
	}
	content := append(binary.AppendUvarint(nil, uint64(len(SchemaSection))), SchemaSection...)
	content = append(content, schema...)
	kept = append(kept, sectionCustom)
	kept = binary.AppendUvarint(kept, uint64(len(content)))
	return append(kept, content...), nil
}

// withoutSchema returns a copy of a module without any schema.
func withoutSchema(wasm []byte) ([]byte, error) {
	r := &reader{file: bytes.NewReader(wasm), pos: preambleSize, end: int64(len(wasm))}
	custom := &reader{file: r.file}
	kept := slices.Clone(wasm[:preambleSize])
	for r.left() > 0 {
		begin := r.pos
		id, content := r.byte(), r.sized()
		if r.err != nil {
			return nil, r.err
		}
		if id != sectionCustom || custom.nameAt(content) != SchemaSection {
			kept = append(kept, wasm[begin:r.pos]...)
		}
	}
	return kept, nil
}

// nameAt returns the name with which a custom section begins, "" if it has none.
func (r *reader) nameAt(content span) string {
	r.err = nil
	r.seek(content)
	return r.name("name of a custom section")
}
