package fill_test

import (
	"context"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
	"github.com/autowasm/autowasm/fetch/source"
	"github.com/autowasm/autowasm/internal/failure"
)

func TestFillAsksTheSourcesOfWhoNamesTheModule(t *testing.T) {
	declared := v1alpha1.Source{Object: &v1alpha1.ObjectSource{URL: "https://b.example/f", SHA256: sha}}
	configMap := v1alpha1.Source{ConfigMap: &v1alpha1.ConfigMapSource{Name: "cm", Key: "k"}}
	other := hashOf(nil)
	request := func(s v1alpha1.Source) source.Request {
		return source.Request{Namespace: "ns", Name: "a", Source: s, Secret: "secret-of-a"}
	}
	tests := []struct {
		name    string
		objects []client.Object
		want    source.Request
	}{
		{"an image, by its digest", []client.Object{autowasm("a", sha, reference, registry())}, pinned("a")},
		{"an object, by its hash", []client.Object{autowasm("a", sha, "https://b.example/f", object("https://b.example/f"))}, request(declared)},
		{"a ConfigMap", []client.Object{autowasm("a", sha, "configmap/ns/cm/k", configMap)}, request(configMap)},
		{"an EnvoyFilter of an earlier generation", []client.Object{autowasm("a", other, "reg.example/x@sha256:new", registry()), envoyFilter("a", sha, reference)}, pinned("a")},
		{"an EnvoyFilter of another source", []client.Object{autowasm("a", other, "", object("https://b.example/f")), envoyFilter("a", sha, reference)}, pinned("a")},
		{"both", []client.Object{autowasm("a", sha, reference, registry()), envoyFilter("a", sha, reference)}, pinned("a")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t, cluster(t, tt.objects...))
			if err := f.Fill(t.Context(), sha); err != nil {
				t.Fatal(err)
			}
			f.expect(t, true, tt.want)
		})
	}
}

func TestFillLeavesObjectsOfTheCacheAlone(t *testing.T) {
	aw := autowasm("a", sha, "https://b.example/f", object("https://b.example/f"))
	reader := interceptor.NewClient(cluster(t), interceptor.Funcs{List: func(_ context.Context, _ client.WithWatch, list client.ObjectList, _ ...client.ListOption) error {
		if l, ok := list.(*v1alpha1.AutoWasmList); ok {
			l.Items = []v1alpha1.AutoWasm{*aw}
		}
		return nil
	}})
	if err := newFixture(t, reader).Fill(t.Context(), sha); err != nil {
		t.Fatal(err)
	}
	if aw.Spec.Filter.Source.Object.SHA256 != "" {
		t.Error("the object of the cache was changed")
	}
}

// One source that fails does not keep the next from being asked; if all fail, the
// failure that may pass is the answer.
func TestFillTriesAllSources(t *testing.T) {
	objects := []client.Object{autowasm("a", sha, reference, registry()), autowasm("b", sha, reference, registry())}
	tests := []struct {
		name     string
		answers  map[string]error
		reason   v1alpha1.Reason
		terminal bool
	}{
		{"the second gives it", map[string]error{"a": failure.Terminalf(v1alpha1.ReasonUnauthorized, "no")}, "", false},
		{"both refuse", map[string]error{"a": failure.Terminalf(v1alpha1.ReasonUnauthorized, "no"), "b": failure.Terminalf(v1alpha1.ReasonNotFound, "no")}, v1alpha1.ReasonUnauthorized, true},
		{"one may come back", map[string]error{"a": failure.Terminalf(v1alpha1.ReasonUnauthorized, "no"), "b": failure.Transientf(v1alpha1.ReasonUnavailable, "503")}, v1alpha1.ReasonUnavailable, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t, cluster(t, objects...))
			f.give = func(r source.Request) ([]byte, error) { return wanted, tt.answers[r.Name] }
			err := f.Fill(t.Context(), sha)
			f.expect(t, tt.reason == "", pinned("a"), pinned("b"))
			got := failure.Of(err)
			if tt.reason == "" && err != nil || tt.reason != "" && (got == nil || got.Reason != tt.reason || got.Terminal != tt.terminal) {
				t.Errorf("Fill = %v, want %q", err, tt.reason)
			}
		})
	}
}

func TestFillTakesNoOtherModule(t *testing.T) {
	f := newFixture(t, cluster(t, autowasm("a", sha, reference, registry())))
	f.give = func(source.Request) ([]byte, error) { return wasmtest.Module(wasmtest.Salt("moved")), nil }
	if got := failure.Of(f.Fill(t.Context(), sha)); got == nil || got.Reason != v1alpha1.ReasonDigestMismatch {
		t.Errorf("Fill = %v", got)
	}
}

func TestFillOfWhatNobodyNames(t *testing.T) {
	foreign := envoyFilter("foreign", sha, reference)
	foreign.SetLabels(nil)
	stranger := autowasm("foreign", hashOf(nil), "", registry())
	f := newFixture(t, cluster(t, foreign, stranger, envoyFilter("orphan", sha, reference)))
	if got := failure.Of(f.Fill(t.Context(), sha)); got == nil || got.Reason != v1alpha1.ReasonNotFound || !got.Terminal {
		t.Errorf("Fill = %v", got)
	}
	f.expect(t, false)
}
