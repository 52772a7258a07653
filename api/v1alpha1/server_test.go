// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"

	"github.com/autowasm/autowasm/api/v1alpha1/crdtest"
)

// server does with an object what an API server does that serves the generated CRD, with the API server's own code
// and in its order.
type server struct{ *crdtest.Schema }

func newServer(t *testing.T) *server {
	t.Helper()
	return &server{crdtest.Load(t, "../../manifests")}
}

// answer is what the API server says to a create.
type answer struct {
	// Unknown are the fields that strict validation refuses and that are pruned otherwise.
	Unknown []string
	// Refused are the fields that are invalid, each with the kind of fault.
	Refused []string
	// messages are the reasons in full.
	messages []string
}

// create takes an object through decoding and validation. The object is changed into what is stored and read back.
func (s *server) create(t *testing.T, object map[string]any) answer {
	t.Helper()
	delete(object, "status") // as of everything with a status subresource
	var a answer
	a.Unknown = pruning.PruneWithOptions(object, s.Structural, true, structuralschema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true})
	defaulting.PruneNonNullableNullsWithoutDefaults(object, s.Structural)
	defaulting.Default(object, s.Structural)
	for _, err := range s.Validate(t, object) {
		a.Refused = append(a.Refused, err.Field+": "+string(err.Type))
		a.messages = append(a.messages, err.Error())
	}
	slices.Sort(a.Refused)
	return a
}

// parse reads a manifest as the API server would get it from kubectl.
func parse(t *testing.T, manifest string) map[string]any {
	t.Helper()
	text, err := yaml.YAMLToJSONStrict([]byte(manifest))
	if err != nil {
		t.Fatal(err)
	}
	return parseJSON(t, text)
}

func parseJSON(t *testing.T, text []byte) map[string]any {
	t.Helper()
	object := map[string]any{}
	if err := json.Unmarshal(bytes.TrimSpace(text), &object); err != nil {
		t.Fatal(err)
	}
	return object
}

// minimal is the smallest valid object.
const minimal = `
apiVersion: wasm.tcm.io/v1alpha1
kind: AutoWasm
metadata: {name: test, namespace: default}
spec:
  filter:
    source:
      registry: {image: "reg.example/filter:v1"}
`

// edit is a value to be set at a dotted path; nil removes what is there.
type edit struct {
	path  string
	value any
}

// object returns the minimal object with edits.
func object(t *testing.T, edits ...edit) map[string]any {
	t.Helper()
	o := parse(t, minimal)
	for _, e := range edits {
		steps := strings.Split(e.path, ".")
		parent := o
		for _, step := range steps[:len(steps)-1] {
			if parent[step] == nil {
				parent[step] = map[string]any{}
			}
			parent = parent[step].(map[string]any)
		}
		if last := steps[len(steps)-1]; e.value == nil {
			delete(parent, last)
		} else {
			parent[last] = e.value
		}
	}
	return o
}
