// SPDX-License-Identifier: Apache-2.0

package render_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/istio"
)

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
	configuration, ok := pluginConfigOf(t, rendered(t, aw, testModule, testOptions))["configuration"].(map[string]any)
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
	out, err := yaml.Marshal(rendered(t, autoWasm(), testModule, o).Object)
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
