// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// summaries are what was read, one line for each object.
func summaries(objects []Object) []string {
	var all []string
	for _, o := range objects {
		all = append(all, o.At+": "+o.APIVersion()+" "+o.String())
	}
	return all
}

const pod = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: %\n"

func podNamed(name string) string { return strings.ReplaceAll(pod, "%", name) }

func TestRead(t *testing.T) {
	tests := []struct {
		name, input string
		want        []string
	}{
		{"nothing", "", nil},
		{"empty documents", "---\n# a comment\n---\n{}\n", nil},
		{"documents", "---\n" + podNamed("a") + "---\n---\n" + podNamed("b"), []string{"document 1: v1 Pod a", "document 2: v1 Pod b"}},
		{"JSON", `{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "x"}}`, []string{"document 1: v1 Pod x/a"}},
		{"a List", "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Pod, metadata: {name: a}}\n- {kind: Pod}\n",
			[]string{"document 1, items[0]: v1 Pod a", "document 1, items[1]:  Pod"}},
		{"an empty List", "apiVersion: v1\nkind: List\n", nil},
		{"a List in a List", `{"kind": "List", "items": [{"kind": "List", "items": [{"kind": "Pod"}]}]}`, []string{"document 1, items[0], items[0]:  Pod"}},
		{"a list of one kind", `{"kind": "PodList", "apiVersion": "v1", "items": [{"metadata": {"name": "a"}}]}`, []string{"document 1, items[0]: v1 Pod a"}},
		{"a kind that ends so", `{"kind": "AllowList", "apiVersion": "x/v1", "metadata": {"name": "a"}, "items": [1]}`, []string{"document 1: x/v1 AllowList a"}},
		{"no kind", "a: b", []string{"document 1:  object without a kind"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Read(strings.NewReader(tt.input))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, summaries(got)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestReadRefuses(t *testing.T) {
	nested := strings.Repeat(`{"kind": "List", "items": [`, 9) + strings.Repeat(`]}`, 9)
	tests := []struct{ name, input, want string }{
		{"not YAML", podNamed("a") + "---\na: [", "document 2: yaml: line 1: "},
		{"not an object", "- a", "document 1: not an object"},
		{"a key twice", "a: 1\na: 2", `document 1: yaml: unmarshal errors:`},
		{"an item that is none", "kind: List\nitems: [1]", "document 1: items[0]: not an object"},
		{"Lists without end", nested, "Lists are nested more than 4 deep"},
		{"too much", "# " + strings.Repeat("x", MaxBytes), "it has more than 16 MiB"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := Read(strings.NewReader(tt.input)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error = %v, want %q", err, tt.want)
			}
		})
	}
}

func TestSplit(t *testing.T) {
	objects, err := Read(strings.NewReader(podNamed("a") + "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: b, namespace: x}\n---\na: 1\n"))
	if err != nil {
		t.Fatal(err)
	}
	picked, others := Split(objects, func(o Object) bool { return o.IsA("", "Pod") })
	if diff := cmp.Diff([]string{"document 1: v1 Pod a"}, summaries(picked)); diff != "" {
		t.Errorf("picked (-want +got)\n%s", diff)
	}
	var notes []string
	for _, o := range others {
		notes = append(notes, SkippedNote(o))
	}
	want := []string{"skipped Deployment x/b of apps/v1 (document 2)", "skipped object without a kind (document 3)"}
	if diff := cmp.Diff(want, notes); diff != "" {
		t.Errorf("notes (-want +got)\n%s", diff)
	}
}

func TestSetNamespace(t *testing.T) {
	for _, tt := range []struct{ input, want string }{
		{podNamed("a"), "default"},
		{podNamed("a") + "  namespace: x\n", "x"},
		{"kind: Pod", ""}, // without metadata it has no name either, which is what an error is about
	} {
		objects, err := Read(strings.NewReader(tt.input))
		if err != nil {
			t.Fatal(err)
		}
		objects[0].SetNamespace("default")
		if got := objects[0].Namespace(); got != tt.want {
			t.Errorf("namespace of %q is %q, want %q", tt.input, got, tt.want)
		}
	}
}
