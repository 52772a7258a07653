// SPDX-License-Identifier: Apache-2.0

package migrate

import (
	"math"
	"reflect"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

// merge makes one draft of those that differ in nothing but context and ports: a match of a patch has room for one.
func (s *subject) merge() {
	var merged []*draft
	for _, d := range s.drafts {
		if same := like(merged, d); same != nil {
			same.take(d)
		} else {
			merged = append(merged, d)
		}
	}
	s.drafts = merged
}

func like(drafts []*draft, d *draft) *draft {
	for _, other := range drafts {
		if other.secret == d.secret && other.refused == d.refused && reflect.DeepEqual(other.filter, d.filter) {
			return other
		}
	}
	return nil
}

func (d *draft) take(other *draft) {
	for context, ports := range other.ports {
		if ports.all {
			d.in(context, 0)
		}
		for _, port := range ports.named {
			d.in(context, int64(port))
		}
	}
}

// order gives the filters of an EnvoyFilter its priority, and keeps their order where they share a context.
func (s *subject) order(priority int64) {
	shared := s.shareContexts()
	for i, d := range s.drafts {
		if shared {
			number := int32(min(priority+int64(i), math.MaxInt32))
			d.filter.Priority = &number
		} else if priority != 0 {
			number := int32(priority)
			d.filter.Priority = &number
		}
	}
	if shared {
		s.changed("spec.configPatches", "the filters run in the order of the patches, and an AutoWasm is one of them: their priorities keep it, from %d", priority)
	}
}

func (s *subject) shareContexts() bool {
	seen := map[v1alpha1.Context]bool{}
	for _, d := range s.drafts {
		if d.refused {
			continue
		}
		for _, context := range d.contexts() {
			if seen[context] {
				return true
			}
			seen[context] = true
		}
	}
	return false
}
