// SPDX-License-Identifier: Apache-2.0

package render_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/render"
)

// TestRefusals shows that what has no rendering of its own is refused, whatever validation lets pass.
func TestRefusals(t *testing.T) {
	const prefix = "render the EnvoyFilter of AutoWasm default/test: "
	tests := map[string]struct {
		aw   *v1alpha1.AutoWasm
		want string
	}{
		"context": {
			edit(func(f *v1alpha1.Filter) { f.Context = "Any" }),
			`spec.filter.context "Any" is not known`,
		},
		"failure policy": {
			edit(func(f *v1alpha1.Filter) { f.FailurePolicy = "Open" }),
			`spec.filter.failurePolicy "Open" is not known`,
		},
		"config not JSON": {
			edit(func(f *v1alpha1.Filter) { f.Config = configJSON(`{"a":`) }),
			"spec.filter.config: not valid JSON (unexpected EOF): give a string, or an object, array, number or boolean",
		},
		"config with more behind": {
			edit(func(f *v1alpha1.Filter) { f.Config = configJSON(`{} {}`) }),
			"spec.filter.config: not valid JSON (something follows the value): give a string, or an object, array, number or boolean",
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

func TestNamelessIsRefused(t *testing.T) {
	for _, aw := range []*v1alpha1.AutoWasm{
		autoWasm(func(aw *v1alpha1.AutoWasm) { aw.Name = "" }),
		autoWasm(func(aw *v1alpha1.AutoWasm) { aw.Namespace = "" }),
	} {
		_, err := render.EnvoyFilter(aw, testModule, testOptions)
		if err == nil || !strings.Contains(err.Error(), "named as the AutoWasm, in its namespace: set both") {
			t.Errorf("got %v", err)
		}
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
