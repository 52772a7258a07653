package render_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/render"
)

// TestRefusals shows that what cannot be rendered is refused with the field, the
// reason and the remedy.
func TestRefusals(t *testing.T) {
	const prefix = "render the EnvoyFilter of AutoWasm default/test: "
	tests := map[string]struct {
		aw   *v1alpha1.AutoWasm
		want string
	}{
		"port 0": {
			edit(func(f *v1alpha1.Filter) { f.ApplyPorts = []v1alpha1.Port{80, 0} }),
			"spec.filter.applyPorts[1]: Invalid value: 0: must be a port from 1 to 65535; leave applyPorts out for all ports",
		},
		"port negative": {
			edit(func(f *v1alpha1.Filter) { f.ApplyPorts = []v1alpha1.Port{-1} }),
			"spec.filter.applyPorts[0]: Invalid value: -1: must be a port from 1 to 65535; leave applyPorts out for all ports",
		},
		"port too high": {
			edit(func(f *v1alpha1.Filter) { f.ApplyPorts = []v1alpha1.Port{65536} }),
			"spec.filter.applyPorts[0]: Invalid value: 65536: must be a port from 1 to 65535; leave applyPorts out for all ports",
		},
		"context": {
			edit(func(f *v1alpha1.Filter) { f.Context = "Any" }),
			`spec.filter.context: Unsupported value: "Any": supported values: "Inbound", "Outbound", "Gateway"`,
		},
		"failure policy": {
			edit(func(f *v1alpha1.Filter) { f.FailurePolicy = "Open" }),
			`spec.filter.failurePolicy: Unsupported value: "Open": supported values: "FailClosed", "FailOpen", "FailReload"`,
		},
		"proxy version": {
			edit(func(f *v1alpha1.Filter) { f.ProxyVersion = "1.2(" }),
			"spec.filter.proxyVersion: Invalid value: \"1.2(\": error parsing regexp: missing closing ): `1.2(`: write a regular expression of the RE2 syntax, such as ^1\\.2[0-9].*",
		},
		"env twice": {
			edit(func(f *v1alpha1.Filter) { f.Env = []v1alpha1.EnvVar{{Name: "A"}, {Name: "A", FromHost: true}} }),
			`spec.filter.env[1].name: Duplicate value: "A"`,
		},
		"env both": {
			edit(func(f *v1alpha1.Filter) { f.Env = []v1alpha1.EnvVar{{Name: "A", Value: "x", FromHost: true}} }),
			`spec.filter.env[0]: Invalid value: "A": value and fromHost exclude each other: set a value, or take it from the proxy's environment`,
		},
		"env name": {
			edit(func(f *v1alpha1.Filter) { f.Env = []v1alpha1.EnvVar{{Name: "A=B"}} }),
			`spec.filter.env[0].name: Invalid value: "A=B": must be the name of an environment variable, without '='`,
		},
		"env nameless": {
			edit(func(f *v1alpha1.Filter) { f.Env = []v1alpha1.EnvVar{{}} }),
			`spec.filter.env[0].name: Invalid value: "": must be the name of an environment variable, without '='`,
		},
		"config not JSON": {
			edit(func(f *v1alpha1.Filter) { f.Config = configJSON(`{"a":`) }),
			"spec.filter.config: not valid JSON (unexpected EOF): give a string, or an object, array, number or boolean",
		},
		"config with more behind": {
			edit(func(f *v1alpha1.Filter) { f.Config = configJSON(`{} {}`) }),
			"spec.filter.config: not valid JSON (something follows the value): give a string, or an object, array, number or boolean",
		},
		"two at once": {
			edit(func(f *v1alpha1.Filter) { f.Context, f.ApplyPorts = "X", []v1alpha1.Port{0} }),
			`spec.filter.context: Unsupported value: "X": supported values: "Inbound", "Outbound", "Gateway"` + "\n" +
				"spec.filter.applyPorts[0]: Invalid value: 0: must be a port from 1 to 65535; leave applyPorts out for all ports",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := render.EnvoyFilter(test.aw, testModule, testOptions)
			if err == nil {
				t.Fatal("rendered")
			}
			if diff := cmp.Diff(prefix+test.want, err.Error()); diff != "" {
				t.Errorf("message (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRefusalNamesItsField(t *testing.T) {
	aw := edit(func(f *v1alpha1.Filter) { f.Context = "Any" })
	_, err := render.EnvoyFilter(aw, testModule, testOptions)
	problem, ok := errors.AsType[*field.Error](err)
	if !ok || problem.Field != "spec.filter.context" {
		t.Errorf("got %v, want a *field.Error of spec.filter.context", err)
	}
}

func TestNamelessIsRefused(t *testing.T) {
	aw := autoWasm(func(aw *v1alpha1.AutoWasm) { aw.Name, aw.Namespace = "", "" })
	_, err := render.EnvoyFilter(aw, testModule, testOptions)
	if err == nil || !strings.Contains(err.Error(), "metadata.namespace: Required value") || !strings.Contains(err.Error(), "metadata.name: Required value") {
		t.Errorf("got %v", err)
	}
}

// TestIncompleteInputIsRefused covers what is not the user's to set.
func TestIncompleteInputIsRefused(t *testing.T) {
	options := func(change func(*render.Options)) render.Options {
		o := testOptions
		change(&o)
		return o
	}
	tests := map[string]struct {
		module  render.Module
		options render.Options
		want    string
	}{
		"no sha256":         {render.Module{}, testOptions, `sha256 is ""`},
		"nil sha256":        {render.Module{SHA256: "nil"}, testOptions, `sha256 is "nil"`},
		"upper-case sha256": {render.Module{SHA256: strings.ToUpper(tutorialSHA256)}, testOptions, "64 lower-case hex digits"},
		"prefixed sha256":   {render.Module{SHA256: "sha256:" + tutorialSHA256}, testOptions, "64 lower-case hex digits"},
		"no cluster":        {testModule, options(func(o *render.Options) { o.Cluster = "" }), "set Options.Cluster"},
		"no URL":            {testModule, options(func(o *render.Options) { o.BaseURL = "" }), "set Options.BaseURL"},
		"relative URL":      {testModule, options(func(o *render.Options) { o.BaseURL = "wasmer:8081" }), "set Options.BaseURL"},
		"negative timeout":  {testModule, options(func(o *render.Options) { o.Timeout = -1 }), "set Options.Timeout"},
		"Envoy's own rule":  {testModule, options(func(o *render.Options) { o.Timeout = 200 * 365 * 24 * time.Hour }), "breaks Envoy's rules"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := render.EnvoyFilter(autoWasm(), test.module, test.options)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want a message with %q", err, test.want)
			}
		})
	}
}
