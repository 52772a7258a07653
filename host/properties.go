// SPDX-License-Identifier: Apache-2.0

package host

import (
	"encoding/binary"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
)

// Attributes are what a filter can read by proxy_get_property, by the first part of the path. A value is a string, []byte,
// bool, int64, uint64, float64, time.Duration, time.Time or proto.Message, or holds more in a map[string]any (or
// Attributes) or []any. Numbers have to be of the type that Envoy has: request.size is an int64, connection.id a uint64.
type Attributes map[string]any

// lookup walks a path. Of a message, only the whole can be read.
func lookup(value any, path []string) (any, bool) {
	for _, part := range path {
		switch v := value.(type) {
		case Attributes:
			value = v[part]
		case map[string]any:
			value = v[part]
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i < 0 || i >= len(v) {
				return nil, false
			}
			value = v[i]
		default:
			return nil, false
		}
	}
	return value, value != nil
}

// getProperty follows getProperty and findValue in context.cc of Envoy.
func getProperty(vm *VM, a arguments) Status {
	path, ok := vm.readString(a, 0)
	if !ok {
		return StatusInvalidMemoryAccess
	}
	parts := strings.Split(strings.TrimSuffix(path, "\x00"), "\x00")
	if path == "" || vm.isWhole(parts) {
		return StatusSerializationFailure
	}
	value, found := vm.property(parts)
	if !found {
		return StatusNotFound
	}
	data, ok := serialize(value)
	if !ok {
		return StatusSerializationFailure
	}
	return vm.give(data, a.u32(2), a.u32(3))
}

// wholes are attributes that only hold others: Envoy has no form of them.
var wholes = []string{"request", "response", "connection", "source", "destination", "upstream", "filter_state", "xds"}

// isWhole reports whether a path is that of an attribute that there is and that cannot be read as a whole. Only xds is there
// without a stream.
func (vm *VM) isWhole(path []string) bool {
	return len(path) == 1 && slices.Contains(wholes, path[0]) && (vm.scope().stream != nil || path[0] == "xds")
}

// property finds a value: what the caller gave first, then what the host derives, then what filters set.
func (vm *VM) property(path []string) (any, bool) {
	s := vm.scope()
	if s.stream != nil {
		if value, ok := lookup(s.stream.config.Attributes, path); ok {
			return value, true
		}
	}
	if value, ok := lookup(vm.proxy.Attributes, path); ok {
		return value, true
	}
	if value, ok := lookup(vm.own(s), path); ok {
		isRoot := path[0] == "plugin_root_id"
		vm.usedNames, vm.usedRootID = vm.usedNames || !isRoot, vm.usedRootID || isRoot
		return value, true
	}
	var value any
	derived := false
	if s.stream != nil {
		if set, ok := s.stream.properties[path[0]]; ok && len(path) == 1 {
			return set, true
		}
		value, derived = s.stream.derived(path)
	}
	vm.noteAttribute(s.stream, path, derived)
	return value, derived
}

// own are the attributes of the filter itself.
func (vm *VM) own(s *scope) Attributes {
	own := Attributes{"plugin_vm_id": vm.config.ID}
	if s.plugin != nil {
		own["plugin_name"], own["plugin_root_id"] = s.plugin.config.Name, s.plugin.config.RootID
	}
	return own
}

// setProperty keeps a value for the stream. As in Envoy, only what has a path of one part can be read again.
func setProperty(vm *VM, a arguments) Status {
	texts, ok := vm.readAll(a, 0, 2)
	if !ok {
		return StatusInvalidMemoryAccess
	}
	s := vm.scope().stream
	if s == nil {
		return StatusNotFound
	}
	if _, ok := s.properties[texts[0]]; !ok && len(s.properties) >= maxProperties {
		panic(limitReached(LimitHeld))
	}
	s.properties[texts[0]] = texts[1]
	return StatusOK
}

// maxProperties is how many a filter can set on a stream.
const maxProperties = 1024

// serialize writes a value as serializeValue in context.cc of Envoy does: numbers, times and durations in 8 bytes.
func serialize(value any) ([]byte, bool) {
	switch v := value.(type) {
	case string:
		return []byte(v), true
	case []byte:
		return v, true
	case bool:
		return []byte{byte(flag(v))}, true
	case int64:
		return number(uint64(v)), true
	case uint64:
		return number(v), true
	case float64:
		return number(math.Float64bits(v)), true
	case time.Duration:
		return number(uint64(v)), true
	case time.Time:
		return number(uint64(v.UnixNano())), true
	case proto.Message:
		data, err := proto.MarshalOptions{Deterministic: true}.Marshal(v)
		return data, err == nil
	case Attributes:
		return serializeMap(v)
	case map[string]any:
		return serializeMap(v)
	case []any:
		return serializeList(v)
	}
	return nil, false
}

func number(n uint64) []byte { return binary.LittleEndian.AppendUint64(nil, n) }

// serializeMap writes pairs, in the order of the keys. Envoy's order is none.
func serializeMap(m map[string]any) ([]byte, bool) {
	var pairs [][2]string
	for _, key := range slices.Sorted(maps.Keys(m)) {
		value, ok := serialize(m[key])
		if !ok {
			return nil, false
		}
		pairs = append(pairs, [2]string{key, string(value)})
	}
	return encodePairs(pairs), true
}

// serializeList writes pairs of a value and nothing.
func serializeList(list []any) ([]byte, bool) {
	var pairs [][2]string
	for _, item := range list {
		value, ok := serialize(item)
		if !ok {
			return nil, false
		}
		pairs = append(pairs, [2]string{string(value), ""})
	}
	return encodePairs(pairs), true
}
