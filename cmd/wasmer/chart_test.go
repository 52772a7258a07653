// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
)

// chartFlags are the flags that the chart sets itself: what they say is a value of another name, or fixed by an object
// of the chart's.
var chartFlags = []string{
	"kubeconfig",                                          // the service account
	"namespace",                                           // the release's
	"service",                                             // the Service's name
	"store-dir",                                           // the volume
	"module-address", "metrics-address", "health-address", // ports of the container
	"webhook-host", "webhook-port", "webhook-url", "webhook-config", // and of the webhook configurations
	"webhook-client-ca", "ca-file", // webhookClientCA, extraCAs
	"cert-mode", "cert-dir", // certs
	"istiod-ca-file", "istiod-token-file", // volumes
}

// A chartFlag is a flag as the schema of the chart's values has it.
type chartFlag struct{ Type, Description string }

// TestTheChartHasEveryFlag under its name, with its type and its description.
func TestTheChartHasEveryFlag(t *testing.T) {
	t.Setenv("POD_NAMESPACE", "")
	have, description := flagsOfTheChart(t)
	want := map[string]chartFlag{}
	newCommand(nil).Flags().VisitAll(func(flag *pflag.Flag) {
		want[flag.Name] = chartFlag{schemaType(t, flag), flag.Usage}
	})
	for _, name := range chartFlags {
		if _, ok := want[name]; !ok {
			t.Errorf("wasmer has no flag --%s, which the chart sets", name)
		}
		if !strings.Contains(description, " "+name) {
			t.Errorf("the value flags does not say that the chart sets --%s", name)
		}
		delete(want, name)
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("flags (-wasmer +values.schema.json):\n%s", diff)
	}
}

// schemaType is the type of a flag's value in JSON.
func schemaType(t *testing.T, flag *pflag.Flag) string {
	t.Helper()
	types := map[string]string{
		"bool": "boolean", "duration": "string", "string": "string", "int": "integer", "int64": "integer", "stringSlice": "array",
	}
	kind, ok := types[flag.Value.Type()]
	if !ok {
		t.Errorf("--%s is a %s, which the chart's template does not render", flag.Name, flag.Value.Type())
	}
	return kind
}

// flagsOfTheChart returns the properties of the value flags, and its description.
func flagsOfTheChart(t *testing.T) (map[string]chartFlag, string) {
	t.Helper()
	raw, err := os.ReadFile("../../manifests/charts/wasmer/values.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var schema struct {
		Properties struct {
			Flags struct {
				Description string
				Properties  map[string]chartFlag
			}
		}
	}
	if err := json.Unmarshal(raw, &schema); err != nil {
		t.Fatal(err)
	}
	return schema.Properties.Flags.Properties, schema.Properties.Flags.Description
}

// TestTheChartHasTheCRD as it is: a field that the chart's lacks is dropped without a word.
func TestTheChartHasTheCRD(t *testing.T) {
	read := func(path string) string {
		t.Helper()
		text, err := os.ReadFile("../../manifests/" + path)
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimPrefix(string(text), "---\n")
	}
	if diff := cmp.Diff(read("crd/wasm.tcm.io_autowasms.yaml"), read("charts/wasmer/files/crd.yaml")); diff != "" {
		t.Errorf("run make generate (-manifests/crd +chart):\n%s", diff)
	}
}
