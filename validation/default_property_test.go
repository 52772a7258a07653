// SPDX-License-Identifier: Apache-2.0

package validation

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"github.com/google/go-cmp/cmp"
	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

// randomObjects is how many objects each property is held to.
const randomObjects = 2000

// eachRandom calls check with objects that are half AutoWasms and half nonsense,
// always the same ones.
func eachRandom(t *testing.T, check func(t *testing.T, raw string)) {
	t.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	for range randomObjects {
		raw := string(encode(t, randomAutoWasm(random)))
		if !t.Run("", func(t *testing.T) { check(t, raw) }) {
			t.Fatalf("the object was %s", raw)
		}
	}
}

// randomAutoWasm leaves each field out, or sets it to something fit, or to anything.
func randomAutoWasm(r *rand.Rand) map[string]any {
	source := pick(r, map[string][]any{
		"registry":  {pick(r, map[string][]any{"image": {"x", "x:v1", "x@sha256:0"}, "pullPolicy": {"Always", ""}, "new": {true}})},
		"object":    {map[string]any{"url": "https://x/y"}},
		"configMap": {map[string]any{"name": "n", "key": "k"}},
	})
	filter := pick(r, map[string][]any{
		"source": {source}, "vmID": {"", "v"}, "applyPorts": {[]any{}, []any{1, 2}}, "newer": {map[string]any{"a": nil}},
		"config": {map[string]any{"big": json.Number("12345678901234567890.10"), "html": "<&>", "a/b~c": []any{nil, 1.0}}},
	})
	return pick(r, map[string][]any{
		"apiVersion": {"wasm.tcm.io/v1alpha1"}, "kind": {"AutoWasm"},
		"metadata": {map[string]any{"namespace": "default", "name": "test"}, map[string]any{"namespace": "default", "generateName": "t-"}},
		"spec":     {pick(r, map[string][]any{"filter": {filter}, "secret": {"", "s"}, "unknown": {"u"}})},
	})
}

func pick(r *rand.Rand, fields map[string][]any) map[string]any {
	nonsense := []any{nil, 7, "x", []any{}, map[string]any{}, true}
	object := map[string]any{}
	for key, values := range fields {
		switch r.IntN(8) {
		case 0, 1:
		case 2:
			object[key] = nonsense[r.IntN(len(nonsense))]
		default:
			object[key] = values[r.IntN(len(values))]
		}
	}
	return object
}

var annotated = NamespaceDefaults{ApplyPorts: []int64{8080}, Secret: "regcred"}

func TestDefaultIsIdempotent(t *testing.T) {
	eachRandom(t, func(t *testing.T, raw string) {
		once, twice := decodeMap(t, raw), decodeMap(t, raw)
		Default(once, nil, annotated)
		Default(twice, nil, annotated)
		if len(Default(twice, nil, annotated)) > 0 {
			t.Error("the second time, Default claims to have filled something")
		}
		if diff := cmp.Diff(once, twice); diff != "" {
			t.Errorf("the second time (-once +twice):\n%s", diff)
		}
	})
}

func TestDefaultChangesNothingThatIsSet(t *testing.T) {
	eachRandom(t, func(t *testing.T, raw string) {
		before, after := decodeMap(t, raw), decodeMap(t, raw)
		filled := Default(after, nil, annotated)
		if path := lost(before, after, "$"); path != "" {
			t.Errorf("%s was changed or removed", path)
		}
		if changed := !cmp.Equal(before, after); changed != (len(filled) > 0) {
			t.Errorf("Default reported %v, the object changed: %v", filled, changed)
		}
	})
}

// lost names the first value of before that after does not have as it was.
func lost(before, after any, path string) string {
	object, ok := before.(map[string]any)
	if !ok {
		if cmp.Equal(before, after) {
			return ""
		}
		return path
	}
	for key, value := range object {
		others, _ := after.(map[string]any)
		other, ok := others[key]
		if !ok {
			return path + "." + key
		}
		if found := lost(value, other, path+"."+key); found != "" {
			return found
		}
	}
	return ""
}

// What Default says that it filled is, as additions to the raw object, what it made of
// it, and always the same.
func TestFilledIsWhatWasAdded(t *testing.T) {
	eachRandom(t, func(t *testing.T, raw string) {
		want := decodeMap(t, raw)
		filled := Default(want, nil, annotated)
		if diff := cmp.Diff(want, decodeMap(t, added(t, raw, filled))); diff != "" {
			t.Errorf("object with the additions (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(filled, Default(decodeMap(t, raw), nil, annotated)); diff != "" {
			t.Errorf("the second time (-once +twice):\n%s", diff)
		}
	})
}

// added applies what was filled as a JSON patch.
func added(t *testing.T, raw string, filled []Change) string {
	t.Helper()
	operations := []map[string]any{}
	for _, f := range filled {
		operations = append(operations, map[string]any{"op": f.Operation, "path": f.Path, "value": f.Value})
	}
	patch, err := jsonpatch.DecodePatch(encode(t, operations))
	if err != nil {
		t.Fatalf("decode the patch: %v", err)
	}
	patched, err := patch.Apply([]byte(raw))
	if err != nil {
		t.Fatalf("apply the patch: %v", err)
	}
	return string(patched)
}

// What is filled must pass the validation, for every source and any name.
func TestDefaultedIsValid(t *testing.T) {
	sources := []v1alpha1.Source{
		{Registry: &v1alpha1.RegistrySource{Image: "reg.example/x"}},
		fromObject("https://bucket.example/x.wasm", ""),
		fromConfigMap("filters", "x.wasm"),
	}
	for i, source := range sources {
		for _, length := range []int{1, 63, 253} {
			t.Run(fmt.Sprintf("source %d name %d", i, length), func(t *testing.T) {
				bare := &v1alpha1.AutoWasm{Spec: v1alpha1.AutoWasmSpec{Filter: v1alpha1.Filter{Source: source}}}
				bare.Namespace, bare.Name = nameOf(63), nameOf(length)
				object := decodeMap(t, string(encode(t, bare)))
				Default(object, nil, annotated)
				defaulted := &v1alpha1.AutoWasm{}
				if err := utiljson.Unmarshal(encode(t, object), defaulted); err != nil {
					t.Fatalf("decode the defaulted object: %v", err)
				}
				if errs, _ := Validate(defaulted, Options{}); len(errs) > 0 {
					t.Errorf("the defaulted object is refused: %v", errs.ToAggregate())
				}
			})
		}
	}
}
