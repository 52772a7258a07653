// SPDX-License-Identifier: Apache-2.0

package validation

import (
	"reflect"
	"strings"
)

// Change is one field that Default filled, or took out.
type Change struct {
	// Operation is that of a JSON patch: add, replace or remove.
	Operation string
	// Path is a JSON pointer, such as /spec/filter/vmID. Its parent was there before.
	Path string
	// Value is the JSON value, nil for remove, and Was the former one, nil for add.
	Value, Was any
}

// fillable is a field that Default may fill: its path, and the object that it is in, nil where there is none.
type fillable struct {
	parent map[string]any
	path   []string
}

func (o object) ports() fillable { return fillable{o.filter, []string{"spec", "filter", "applyPorts"}} }

func (o object) pullPolicy() fillable {
	return fillable{o.registry, []string{"spec", "filter", "source", "registry", "pullPolicy"}}
}

func (o object) secret() fillable { return fillable{o.spec, []string{"spec", "secret"}} }

func (f fillable) key() string { return f.path[len(f.path)-1] }

func (f fillable) pointer() string { return "/" + strings.Join(f.path, "/") }

func (f fillable) value() any { return f.parent[f.key()] }

func (f fillable) present() bool {
	_, present := f.parent[f.key()]
	return present
}

// fill sets the field where it is absent, or may be set again.
func (f fillable) fill(changes []Change, again bool, value any) []Change {
	change := Change{Operation: "add", Path: f.pointer(), Value: value, Was: f.value()}
	switch {
	case f.parent == nil, f.present() && !again, f.present() && reflect.DeepEqual(change.Was, value):
		return changes
	case f.present():
		change.Operation = "replace"
	}
	f.parent[f.key()] = value
	return append(changes, change)
}

// clear takes the field out where it may.
func (f fillable) clear(changes []Change, may bool) []Change {
	if !may || !f.present() {
		return changes
	}
	change := Change{Operation: "remove", Path: f.pointer(), Was: f.value()}
	delete(f.parent, f.key())
	return append(changes, change)
}
