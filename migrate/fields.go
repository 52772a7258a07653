// SPDX-License-Identifier: Apache-2.0

package migrate

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// fields are those of a JSON object that nothing has read yet. Reading one takes it out, and finish names what is left.
type fields struct {
	path  string
	left  map[string]any
	found *findings
	// proto says that names may also be written with underscores, as in the JSON of Envoy's messages.
	proto bool
	// strict says that no AutoWasm may be made where a field is left: it would apply to more than the old object.
	strict   bool
	children []*fields
}

// newFields leaves the map as it is.
func newFields(path string, content map[string]any, found *findings) *fields {
	return &fields{path: path, left: maps.Clone(content), found: found}
}

// at is the path of a field, in the spelling of the object.
func (f *fields) at(name string) string {
	if _, ok := f.left[name]; !ok && f.proto && f.left[underscored(name)] != nil {
		name = underscored(name)
	}
	return join(f.path, name)
}

func join(path, name string) string {
	if strings.ContainsAny(name, "./@") {
		return path + "[" + name + "]"
	}
	return strings.TrimPrefix(path+"."+name, ".")
}

// take returns the value of a field, nil for none and for null.
func (f *fields) take(name string) any {
	value, ok := f.left[name]
	if !ok && f.proto {
		name = underscored(name)
		value = f.left[name]
	}
	delete(f.left, name)
	return value
}

func (f *fields) has(name string) bool {
	return f.left[name] != nil || f.proto && f.left[underscored(name)] != nil
}

// underscored is the name of a field in a .proto file.
func underscored(name string) string {
	var out strings.Builder
	for _, r := range name {
		if 'A' <= r && r <= 'Z' {
			out.WriteByte('_')
			r += 'a' - 'A'
		}
		out.WriteRune(r)
	}
	return out.String()
}

// as returns the value of a field that has the type, else its zero value; another type than that is an error.
func as[T any](f *fields, name, what string) T {
	var zero T
	path, value := f.at(name), f.take(name)
	if value == nil {
		return zero
	}
	typed, ok := value.(T)
	if !ok {
		f.found.refuse(path, "this is not %s: correct it", what)
	}
	return typed
}

func (f *fields) text(name string) string { return as[string](f, name, "a string") }
func (f *fields) flag(name string) bool   { return as[bool](f, name, "true or false") }

// number returns a whole number, and whether there is one. In a message it may be a string.
func (f *fields) number(name string, least, most int64) (int64, bool) {
	path, value := f.at(name), f.take(name)
	if value == nil {
		return 0, false
	}
	number, ok := wholeNumber(value)
	if !ok || number < least || number > most {
		f.found.refuse(path, "this is not a whole number from %d to %d: correct it", least, most)
		return 0, false
	}
	return number, true
}

func wholeNumber(value any) (int64, bool) {
	switch value := value.(type) {
	case int64:
		return value, true
	case float64:
		return int64(value), value == math.Trunc(value) && math.Abs(value) < 1<<53
	case string:
		number, err := strconv.ParseInt(value, 10, 64)
		return number, err == nil
	}
	return 0, false
}

// child returns the fields of an object, which has none when there is none.
func (f *fields) child(name string) *fields {
	return f.adopt(f.at(name), as[map[string]any](f, name, "an object"))
}

// items returns the fields of each object in a list.
func (f *fields) items(name string) []*fields {
	path := f.at(name)
	var all []*fields
	for i, item := range as[[]any](f, name, "a list") {
		at := path + "[" + strconv.Itoa(i) + "]"
		content, ok := item.(map[string]any)
		if !ok {
			f.found.refuse(at, "this is not an object: correct it")
			continue
		}
		all = append(all, f.adopt(at, content))
	}
	return all
}

func (f *fields) adopt(path string, content map[string]any) *fields {
	child := &fields{path: path, left: maps.Clone(content), found: f.found, proto: f.proto, strict: f.strict}
	f.children = append(f.children, child)
	return child
}

// strings returns an object whose values are all strings, such as labels.
func (f *fields) strings(name string) map[string]string {
	object := f.child(name)
	if len(object.left) == 0 {
		return nil
	}
	all := map[string]string{}
	for key := range maps.Clone(object.left) {
		all[key] = object.text(key)
	}
	return all
}

// words returns a list of strings.
func (f *fields) words(name string) []string {
	path := f.at(name)
	var all []string
	for i, item := range as[[]any](f, name, "a list") {
		word, ok := item.(string)
		if !ok {
			f.found.refuse(path+"["+strconv.Itoa(i)+"]", "this is not a string: correct it")
		}
		all = append(all, word)
	}
	return all
}

// leaveOut names fields that have no effect, with the reason.
func (f *fields) leaveOut(reason string, names ...string) {
	for _, name := range names {
		if f.has(name) {
			f.found.leftOut(f.at(name), "%s", reason)
			f.take(name)
		}
	}
}

// lose names a field that is lost, with the reason.
func (f *fields) lose(name, reason string) {
	if f.has(name) {
		f.found.notMapped(f.at(name), "%s", reason)
		f.take(name)
	}
}

// finish names what nothing has read, below too.
func (f *fields) finish() {
	for _, name := range slices.Sorted(maps.Keys(f.left)) {
		switch {
		case f.left[name] == nil:
		case f.strict:
			f.found.refuse(f.at(name), "an AutoWasm cannot be limited so, and would run where this does not: keep the old object")
		default:
			f.found.notMapped(f.at(name), "wasmc does not know this field, and the AutoWasm does without it: check what it is for")
		}
	}
	for _, child := range f.children {
		child.finish()
	}
}
