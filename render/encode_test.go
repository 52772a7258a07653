package render_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/istio"
	"github.com/autowasm/autowasm/render"
)

func TestUnstructuredIsWhatIsSent(t *testing.T) {
	ef, err := render.EnvoyFilter(autoWasm(), testModule, testOptions)
	if err != nil {
		t.Fatal(err)
	}
	ef.CreationTimestamp = metav1.Now()
	ef.Status.ObservedGeneration = 1
	u, err := render.Unstructured(ef)
	if err != nil {
		t.Fatal(err)
	}
	delete(u.Object, "spec")
	want := map[string]any{
		"apiVersion": "networking.istio.io/v1alpha3",
		"kind":       "EnvoyFilter",
		"metadata": map[string]any{
			"name":      "test",
			"namespace": "default",
			"labels": map[string]any{
				"app.kubernetes.io/managed-by": "autowasm",
				"wasm.tcm.io/autowasm":         "test",
			},
			"annotations": map[string]any{
				"wasm.tcm.io/owner":  "default/test",
				"wasm.tcm.io/module": tutorialSHA256,
				"wasm.tcm.io/plugin": render.PluginOf(ef).String(),
			},
		},
	}
	if diff := cmp.Diff(want, u.Object); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestConfiguration gives raw JSON, as an API server would hand it on.
func TestConfiguration(t *testing.T) {
	tests := map[string]struct {
		raw  string
		want any
	}{
		"empty":          {``, nil},
		"null":           {`null`, nil},
		"string":         {`"hello"`, "hello"},
		"empty string":   {`""`, ""},
		"JSON in string": {`"{\"b\": 1, \"a\": 2}"`, `{"b": 1, "a": 2}`},
		"keys sorted":    {`{"b":{"d":1,"c":2},"a":[3,{"z":1,"y":2}]}`, `{"a":[3,{"y":2,"z":1}],"b":{"c":2,"d":1}}`},
		"white space":    {"{ \"a\" :\n[ 1 , 2 ] }", `{"a":[1,2]}`},
		"digits kept":    {`[9007199254740993,1.50,1e400,-0]`, `[9007199254740993,1.50,1e400,-0]`},
		"no escapes":     {`{"a":"<b>&'"}`, `{"a":"<b>&'"}`},
		"boolean":        {`false`, `false`},
		"number":         {`1`, `1`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			aw := edit(func(f *v1alpha1.Filter) { f.Config = configJSON(test.raw) })
			if diff := cmp.Diff(test.want, configurationOf(t, aw)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// configurationOf returns the text that the module reads, nil when there is none.
func configurationOf(t *testing.T, aw *v1alpha1.AutoWasm) any {
	t.Helper()
	ef, err := render.EnvoyFilter(aw, testModule, testOptions)
	if err != nil {
		t.Fatal(err)
	}
	typed := ef.Spec.ConfigPatches[0].Patch.Value.AsMap()["typedConfig"].(map[string]any)
	configuration, ok := typed["config"].(map[string]any)["configuration"].(map[string]any)
	if !ok {
		return nil
	}
	return configuration["value"]
}

// TestModuleAddress: a trailing slash of the base URL is not doubled, and the
// server knows no other path.
func TestModuleAddress(t *testing.T) {
	o := testOptions
	o.BaseURL = "http://10.0.0.1:8081/"
	ef, err := render.EnvoyFilter(autoWasm(), testModule, o)
	if err != nil {
		t.Fatal(err)
	}
	out, err := render.YAML(ef)
	if err != nil {
		t.Fatal(err)
	}
	if want := "uri: http://10.0.0.1:8081/wasm/" + tutorialSHA256 + "\n"; !strings.Contains(string(out), want) {
		t.Errorf("no %s in\n%s", want, out)
	}
}

func TestEmptyUnstructuredIsTheKindThatIsRendered(t *testing.T) {
	want := map[string]any{"apiVersion": "networking.istio.io/v1alpha3", "kind": "EnvoyFilter"}
	if diff := cmp.Diff(want, istio.NewEnvoyFilter().Object); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
