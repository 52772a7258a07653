// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// absent is the value of a field that one of the two does not have.
const absent = "absent"

// A difference is a row of the page: a field, which may stand for all below it, and what both have.
type difference struct{ field, tutorial, ours string }

var differenceRow = regexp.MustCompile("(?m)^\\| `([^`]+)` \\| ([^|]*) \\| ([^|]*) \\| [^|]* \\|$")

// TestTheDifferencesAreAllThereAre compares the EnvoyFilter that the tutorial prints with the golden file of what is rendered for
// its sample. Each field that differs has a row with both values, and each row has such a field.
func TestTheDifferencesAreAllThereAre(t *testing.T) {
	var rows []difference
	for _, match := range differenceRow.FindAllStringSubmatch(read(t, "tutorial-differences.md"), -1) {
		rows = append(rows, difference{match[1], match[2], match[3]})
	}
	used := map[string]bool{}
	printed, rendered := leavesOf(t, "tutorial.printed.yaml"), leavesOf(t, "tutorial.out.yaml")
	for _, path := range slices.Sorted(maps.Keys(merged(printed, rendered))) {
		tutorial, ours := valueOr(printed, path), valueOr(rendered, path)
		if tutorial == ours {
			continue
		}
		i := slices.IndexFunc(rows, func(d difference) bool { return below(path, d.field) })
		if i < 0 {
			t.Errorf("the page does not have %s, which is %s, and was %s", path, ours, tutorial)
			continue
		}
		used[rows[i].field] = true
		for cell, value := range map[string]string{rows[i].tutorial: tutorial, rows[i].ours: ours} {
			if !says(cell, path, value) {
				t.Errorf("the row of %s says %s, where %s is %s", rows[i].field, cell, path, value)
			}
		}
	}
	for _, row := range rows {
		if !used[row.field] {
			t.Errorf("the page has %s, in which the two do not differ", row.field)
		}
	}
}

// leavesOf returns the values of an EnvoyFilter by their paths. The message that the tutorial wraps has the paths of one that
// is not.
func leavesOf(t *testing.T, file string) map[string]string {
	t.Helper()
	var object map[string]any
	if err := yaml.UnmarshalStrict([]byte(read(t, "../render/testdata/"+file)), &object); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	leaves := map[string]string{}
	collect(object, "", leaves)
	return leaves
}

func collect(value any, path string, into map[string]string) {
	switch value := value.(type) {
	case map[string]any:
		for name, v := range value {
			collect(v, strings.Replace(path+"/"+name, "/typedConfig/value/", "/typedConfig/", 1), into)
		}
	case []any:
		for i, v := range value {
			collect(v, fmt.Sprintf("%s/%d", path, i), into)
		}
	case float64:
		into[path] = strconv.FormatFloat(value, 'f', -1, 64)
	default:
		into[path] = fmt.Sprint(value)
	}
}

func merged(a, b map[string]string) map[string]string {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

func valueOr(leaves map[string]string, path string) string {
	if value, ok := leaves[path]; ok {
		return value
	}
	return absent
}

// below reports whether a path is that of a field of the page, such as config.name, or of one below it.
func below(path, field string) bool {
	return strings.Contains(path+"/", "/"+strings.ReplaceAll(field, ".", "/")+"/")
}

// says reports whether a cell has the value of a path, alone or after the field's name. "…" stands for the rest of one.
func says(cell, path, value string) bool {
	if value == absent {
		return cell == absent
	}
	for _, said := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cell, -1) {
		for _, want := range []string{value, keyOf(path) + ": " + value} {
			if begin, cut := strings.CutSuffix(said[1], "…"); said[1] == want || cut && strings.HasPrefix(want, begin) {
				return true
			}
		}
	}
	return false
}

// keyOf is what comes after the last dot that is not in the name of a label or an annotation.
func keyOf(path string) string {
	for _, of := range []string{"/metadata/labels/", "/metadata/annotations/"} {
		if key, ok := strings.CutPrefix(path, of); ok {
			return key
		}
	}
	return path[strings.LastIndex(path, "/")+1:]
}
