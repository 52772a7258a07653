// SPDX-License-Identifier: Apache-2.0

package web

import (
	"bytes"
	"encoding/json"
	"slices"

	"k8s.io/apimachinery/pkg/types"
)

const (
	// maxChanges and maxChangeBytes bound how many changes are kept, and how large they are in all.
	maxChanges     = 256
	maxChangeBytes = 4 << 20
)

// change leads from one version to the next.
type change struct {
	changed [][]byte // rows
	removed []types.NamespacedName
}

func (c change) isEmpty() bool { return len(c.changed)+len(c.removed) == 0 }

// encode returns {"changed": [row, …], "removed": [{"namespace": …, "name": …}, …]}.
func (c change) encode() []byte {
	type removed struct {
		Namespace string `json:"namespace"`
		Name      string `json:"name"`
	}
	gone := make([]removed, 0, len(c.removed))
	for _, key := range c.removed {
		gone = append(gone, removed{key.Namespace, key.Name})
	}
	keys, _ := json.Marshal(gone) // strings alone
	return slices.Concat([]byte(`{"changed":[`), bytes.Join(c.changed, []byte(",")), []byte(`],"removed":`), keys, []byte("}"))
}

// changeLog are the last changes, the newest of which led to the present version. All followers read the same, each at its own
// pace: one that needs a change which is no longer kept loads all rows again.
type changeLog struct {
	changes [][]byte // encoded
	bytes   int
	// added is closed when there is another version.
	added chan struct{}
}

func newChangeLog() changeLog { return changeLog{added: make(chan struct{})} }

// add adds a change. One that is too large to be kept empties the log.
func (l *changeLog) add(c change) {
	encoded := c.encode()
	l.changes = append(l.changes, encoded)
	l.bytes += len(encoded)
	drop := 0
	for len(l.changes)-drop > maxChanges || l.bytes > maxChangeBytes {
		l.bytes -= len(l.changes[drop])
		drop++
	}
	l.changes = slices.Delete(l.changes, 0, drop)
	l.announce()
}

// reset empties the log.
func (l *changeLog) reset() {
	l.changes, l.bytes = nil, 0
	l.announce()
}

func (l *changeLog) announce() {
	close(l.added)
	l.added = make(chan struct{})
}
