// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"encoding/binary"
	"maps"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
)

// maxShared bounds how many different values are remembered; the Pods of that many templates share theirs.
const maxShared = 8192

// The values that are the same in all Pods of a template. What is shared is not to be changed.
var (
	sharedLabels     = newShared(func(m map[string]string) int { return len(m) }, appendLabels)
	sharedContainers = newShared(func(c []corev1.Container) int { return len(c) }, appendContainers)
)

// shared has equal values be one in memory. It may be used concurrently.
type shared[V any] struct {
	size   func(V) int
	append func(key []byte, value V) []byte // is the same for equal values alone

	mu     sync.Mutex
	values map[string]V
}

func newShared[V any](size func(V) int, appendTo func([]byte, V) []byte) *shared[V] {
	return &shared[V]{size: size, append: appendTo, values: map[string]V{}}
}

// of returns a value that is equal to v. It is nil when v is empty.
func (s *shared[V]) of(v V) (value V) {
	if s.size(v) == 0 {
		return value
	}
	key := s.append(make([]byte, 0, 512), v)
	s.mu.Lock()
	defer s.mu.Unlock()
	if known, ok := s.values[string(key)]; ok {
		return known
	}
	if len(s.values) >= maxShared {
		clear(s.values)
	}
	s.values[string(key)] = v
	return v
}

func appendLabels(key []byte, labels map[string]string) []byte {
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		key = appendString(appendString(key, name), labels[name])
	}
	return key
}

// appendContainers appends the fields that are kept of containers.
func appendContainers(key []byte, containers []corev1.Container) []byte {
	for i := range containers {
		c := &containers[i]
		key = appendString(appendString(key, c.Name), c.Image)
		key = binary.AppendUvarint(key, uint64(len(c.Ports)))
		for _, p := range c.Ports {
			key = appendString(appendString(appendString(key, p.Name), string(p.Protocol)), p.HostIP)
			key = binary.AppendVarint(binary.AppendVarint(key, int64(p.ContainerPort)), int64(p.HostPort))
		}
	}
	return key
}

func appendString(key []byte, s string) []byte {
	return append(binary.AppendUvarint(key, uint64(len(s))), s...)
}
