// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"fmt"
	"strings"
)

// Object is one object of a file.
type Object struct {
	// Content is the object as JSON, whole numbers as int64.
	Content map[string]any
	// At says where in the file it is: "document 2", or "document 2, items[3]" in a List.
	At string
}

// APIVersion is that of the object, "" when it has none.
func (o Object) APIVersion() string { return word(o.Content, "apiVersion") }

// Group is the API group, "" for that of Kubernetes' core.
func (o Object) Group() string {
	group, _, found := strings.Cut(o.APIVersion(), "/")
	if !found {
		return ""
	}
	return group
}

// Kind is that of the object, "" when it has none.
func (o Object) Kind() string { return word(o.Content, "kind") }

// Name is metadata.name, "" when there is none.
func (o Object) Name() string { return word(metadata(o.Content), "name") }

// Namespace is metadata.namespace, "" when there is none.
func (o Object) Namespace() string { return word(metadata(o.Content), "namespace") }

// SetNamespace sets the namespace of an object that has none, as kubectl does.
func (o Object) SetNamespace(namespace string) {
	if m := metadata(o.Content); m != nil && (m["namespace"] == nil || m["namespace"] == "") {
		m["namespace"] = namespace
	}
}

// String names the object, such as "EnvoyFilter default/test". Parts that it does not have are left out.
func (o Object) String() string {
	kind, name := o.Kind(), o.Name()
	if kind == "" {
		kind = "object without a kind"
	}
	if namespace := o.Namespace(); namespace != "" && name != "" {
		name = namespace + "/" + name
	}
	return strings.TrimSpace(kind + " " + name)
}

// IsA reports whether the object is of the kind, in any version of the group.
func (o Object) IsA(group, kind string) bool { return o.Group() == group && o.Kind() == kind }

// Split separates the objects that are wanted from the others. Both keep their order.
func Split(objects []Object, wanted func(Object) bool) (picked, others []Object) {
	for _, o := range objects {
		if wanted(o) {
			picked = append(picked, o)
		} else {
			others = append(others, o)
		}
	}
	return picked, others
}

// SkippedNote is the note to the user, in one line, that an object was skipped.
func SkippedNote(o Object) string {
	version := o.APIVersion()
	if version != "" {
		version = " of " + version
	}
	return fmt.Sprintf("skipped %s%s (%s)", o, version, o.At)
}

func metadata(content map[string]any) map[string]any {
	m, _ := content["metadata"].(map[string]any)
	return m
}

func word(fields map[string]any, key string) string {
	value, _ := fields[key].(string)
	return value
}
