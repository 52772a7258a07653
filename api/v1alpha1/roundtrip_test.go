// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"encoding/json"
	"math/rand"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/randfill"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

// random fills an object with anything that its types can hold.
func random(seed int64) *v1alpha1.AutoWasm {
	filler := randfill.NewWithSeed(seed).NilChance(0.3).NumElements(1, 3).Funcs(
		func(j *apiextensionsv1.JSON, c randfill.Continue) { j.Raw = randomJSON(c) },
		func(at *metav1.Time, c randfill.Continue) { at.Time = time.Unix(c.Int63n(1<<32), 0).Local() },
	)
	aw := &v1alpha1.AutoWasm{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: v1alpha1.Kind},
		ObjectMeta: metav1.ObjectMeta{Name: "x", Namespace: "y", Labels: map[string]string{"a": "b"}},
	}
	filler.Fill(&aw.Spec)
	filler.Fill(&aw.Status)
	return aw
}

// randomJSON is any JSON but null, which the API server takes for an absent field.
func randomJSON(c randfill.Continue) []byte {
	values := []any{true, -1, "text", []any{}, []any{1, "a"}, map[string]any{}, map[string]any{"a": map[string]any{"b": []any{nil, 1.5}}}}
	raw, err := json.Marshal(values[c.Intn(len(values))])
	if err != nil {
		panic(err) // they are all plain values
	}
	return raw
}

// Whatever the types can hold goes through the API server and comes back as it was: the schema prunes none of it and
// takes none of it for another type.
func TestRoundTripThroughTheSchema(t *testing.T) {
	s := newServer(t)
	for range 500 {
		seed := rand.Int63()
		want := random(seed)
		text, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		stored := parseJSON(t, text)
		unknown := pruning.PruneWithOptions(stored, s.Structural, true, structuralschema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true})
		if len(unknown) > 0 {
			t.Fatalf("seed %d: the schema prunes %q", seed, unknown)
		}
		for _, fault := range s.Validate(t, stored) {
			if fault.Type == field.ErrorTypeTypeInvalid {
				t.Fatalf("seed %d: %v", seed, fault)
			}
		}
		got := &v1alpha1.AutoWasm{}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(stored, got, true); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("seed %d:\n%s", seed, diff)
		}
	}
}

// A copy holds the same and shares nothing.
func TestDeepCopy(t *testing.T) {
	for seed := range int64(100) {
		original, untouched := random(seed), random(seed)
		duplicate := original.DeepCopy()
		if diff := cmp.Diff(original, duplicate); diff != "" {
			t.Fatalf("seed %d:\n%s", seed, diff)
		}
		randfill.NewWithSeed(seed+1).NilChance(0).NumElements(1, 3).MaxDepth(20).Funcs(
			func(j *apiextensionsv1.JSON, _ randfill.Continue) { overwrite(j.Raw) },
		).Fill(&duplicate.Spec)
		if diff := cmp.Diff(untouched, original); diff != "" {
			t.Fatalf("seed %d: a change of the copy changed the original:\n%s", seed, diff)
		}
	}
}

func overwrite(raw []byte) {
	for i := range raw {
		raw[i] = '0'
	}
}
