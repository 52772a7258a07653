// SPDX-License-Identifier: Apache-2.0

package migrate

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/autowasm/autowasm/internal/manifest"
)

// TestNothingIsDroppedInSilence changes each value in each sample, one by one, and adds a field to each object in it:
// either an AutoWasm or a note changes with it, or a note names what it is in.
func TestNothingIsDroppedInSilence(t *testing.T) {
	changed := 0
	for name, objects := range samples(t) {
		result := Objects(objects, testOptions)
		before := printed(t, result)
		for i, object := range objects {
			if !ofOurs(object) || isSkipped(result, object) {
				continue
			}
			for _, change := range changesOf(object.Content, "") {
				changed++
				if !isNamed(result.Notes, object.String(), dotted(change.path)) && seen(t, objects, i, change) == before {
					t.Errorf("%s: %s: nobody notices a change at %s", name, object, dotted(change.path))
				}
			}
		}
	}
	if changed < 400 {
		t.Errorf("%d changes were tried", changed)
	}
}

// seen is what the user sees when one object is changed.
func seen(t *testing.T, objects []manifest.Object, i int, c change) string {
	t.Helper()
	copied := manifest.Object{Content: runtime.DeepCopyJSON(objects[i].Content), At: objects[i].At}
	c.apply(copied.Content)
	with := slices.Clone(objects)
	with[i] = copied
	return printed(t, Objects(with, testOptions))
}

// isNamed reports whether a note is about a path or what it is in: of something for which there is no AutoWasm, one note
// says so.
func isNamed(notes []Note, object, path string) bool {
	return slices.ContainsFunc(notes, func(n Note) bool {
		whole := n.Path
		if n.Level == Refused {
			whole = unitOf(n.Path)
		}
		return n.Object == object && n.Level != Changed && (whole == path || whole == "" && n.Level == Refused || strings.HasPrefix(path, whole+".") || strings.HasPrefix(path, whole+"["))
	})
}

var patchPath = regexp.MustCompile(`^spec\.configPatches\[\d+\]`)

// unitOf is what there is no AutoWasm of: a patch, or else the object, "".
func unitOf(path string) string { return patchPath.FindString(path) }

func isSkipped(result Result, object manifest.Object) bool {
	return slices.ContainsFunc(result.Skipped, func(o manifest.Object) bool { return o.At == object.At })
}

func ofOurs(o manifest.Object) bool {
	return slices.Contains([]string{"WasmPlugin", "TrafficExtension", "EnvoyFilter", "FilterDeployment"}, o.Kind())
}

// change is one to an object.
type change struct {
	path  string
	apply func(content map[string]any)
}

// changesOf are those of the values in an object. The objects below share no map with what apply gets.
func changesOf(object map[string]any, path string) []change {
	all := []change{{path + "\x00zzz", func(content map[string]any) { at(content, path).(map[string]any)["zzz"] = "added" }}}
	for _, key := range slices.Sorted(maps.Keys(object)) {
		if path == "" && (key == "apiVersion" || key == "kind") {
			continue // which a test of the kinds is about
		}
		all = append(all, changesAt(object[key], path+"\x00"+key)...)
	}
	return all
}

func changesAt(value any, path string) []change {
	switch value := value.(type) {
	case map[string]any:
		return changesOf(value, path)
	case []any:
		var all []change
		for i, item := range value {
			all = append(all, changesAt(item, fmt.Sprintf("%s\x00%d", path, i))...)
		}
		return all
	}
	return []change{{path, func(content map[string]any) { set(content, path, another(value)) }}}
}

func another(value any) any {
	switch value := value.(type) {
	case string:
		return value + "x"
	case bool:
		return !value
	case int64:
		return value + 1
	case float64:
		return value + 1
	}
	return "x"
}
