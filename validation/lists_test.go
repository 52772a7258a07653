// SPDX-License-Identifier: Apache-2.0

package validation

import (
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

func TestValidateRefusesSelectors(t *testing.T) {
	const key = "must be a label key: name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
	const wildcard = "wildcards are not supported here: write a label key in full, or leave matchLabels out to select every pod of the namespace"
	tests := []struct {
		name   string
		labels []string
		want   []string
	}{
		{"a bad key", []string{"-app", "x"}, []string{`spec.selector.matchLabels: Invalid value: "-app": ` + key}},
		{"a wildcard for a key", []string{"*", "x"}, []string{`spec.selector.matchLabels: Invalid value: "*": ` + wildcard}},
		{"a wildcard for a value, and a long one, in order", []string{"b", "v*", "a", nameOf(64)}, []string{
			`spec.selector.matchLabels[a]: Invalid value: "` + nameOf(64) + `": must be a label value: must be no more than 63 bytes`,
			`spec.selector.matchLabels[b]: Invalid value: "v*": ` + strings.Replace(wildcard, "label key", "label value", 1),
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, messages(autoWasm(matching(tt.labels...)))); diff != "" {
				t.Errorf("errors (-want +got):\n%s", diff)
			}
		})
	}
}

func TestValidateRefusesEnv(t *testing.T) {
	got := messages(autoWasm(env(
		v1alpha1.EnvVar{},
		v1alpha1.EnvVar{Name: "A=B"},
		v1alpha1.EnvVar{Name: nameOf(257)},
		v1alpha1.EnvVar{Name: "C", Value: "d\x00"},
		v1alpha1.EnvVar{Name: "C", Value: nameOf(2049)},
		v1alpha1.EnvVar{Name: "D", Value: "d", FromHost: true},
	)))
	want := []string{
		`spec.filter.env[0].name: Required value: name the environment variable`,
		`spec.filter.env[1].name: Invalid value: "A=B": must be the name of an environment variable, without '='`,
		`spec.filter.env[2].name: Too long: may not be more than 256 characters`,
		`spec.filter.env[3].value: Invalid value: "1 KiB": must be valid UTF-8 without the NUL character`,
		`spec.filter.env[4].value: Too long: may not be more than 2048 characters`,
		`spec.filter.env[4].name: Duplicate value: "C"`,
		`spec.filter.env[5]: Invalid value: "D": value and fromHost exclude each other: set a value, or take it from the proxy's environment`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
}

// A hostile object is answered in a few lines, however long it is.
func TestValidateAnswersBriefly(t *testing.T) {
	const huge = 1 << 20
	hostile := autoWasm(func(aw *v1alpha1.AutoWasm) {
		aw.Name, aw.Spec.Secret = strings.Repeat("N", huge), strings.Repeat("S", huge)
		matching(strings.Repeat("K", huge), strings.Repeat("V", huge))(aw)
		f := &aw.Spec.Filter
		f.VMID, f.Context = strings.Repeat("\n", huge), v1alpha1.Context(nameOf(huge))
		f.Env = make([]v1alpha1.EnvVar, huge)
		f.ApplyPorts = make([]v1alpha1.Port, huge)
		f.Source = fromObject("https://x/y", nameOf(huge))
		f.Source.Registry = &v1alpha1.RegistrySource{Image: nameOf(huge)}
	})
	if got := strings.Join(messages(hostile), "\n"); len(got) > 8<<10 {
		t.Errorf("the answer has %d bytes:\n%.2000s", len(got), got)
	}
	many := map[string]v1alpha1.LabelValue{}
	for i := range 10000 {
		many["*"+strconv.Itoa(i)] = "*"
	}
	got := messages(autoWasm(func(aw *v1alpha1.AutoWasm) { aw.Spec.Selector.MatchLabels = many }))
	if diff := cmp.Diff([]string{"spec.selector.matchLabels: Too many: 10000: must have at most 64 items"}, got); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
}

func TestWarnings(t *testing.T) {
	tests := []struct {
		name   string
		change change
		want   []string
	}{
		{"the tutorial's sample", func(*v1alpha1.AutoWasm) {}, nil},
		{"an object with a sha256", withSource(fromObject("http://x", digest[7:])), nil},
		{"a ConfigMap", withSource(fromConfigMap("x", "y")), nil},
		{"latest by digest", image("x:latest@" + digest), nil},
		{"everything", func(aw *v1alpha1.AutoWasm) {
			aw.Namespace = nameOf(63)
			aw.Spec.Selector = v1alpha1.WorkloadSelector{}
			aw.Spec.Filter.Source = fromObject("HTTP://x", "")
			aw.Spec.Filter.FailurePolicy, aw.Spec.Filter.AllowPrecompiled = v1alpha1.FailOpen, true
		}, []string{
			"spec.selector is empty: the filter runs in every proxy of namespace aaaaaaaaaaaaaa…aaaaaaaaaaaaaa",
			"spec.secret is not used: it is for registry sources",
			"spec.filter.failurePolicy FailOpen: while the module cannot run, requests pass without the filter",
			"spec.filter.allowPrecompiled: Envoy runs native code from the module that nothing has verified",
			"spec.filter.source.object: http without sha256 runs whatever the network delivers; set sha256",
		}},
		{"https without a sha256", address("https://x"), []string{"spec.filter.source.object.sha256 is not set: whatever the URL serves at the time of the fetch runs"}},
		{"latest", image("x:latest"), []string{"spec.filter.source.registry.image has no tag or latest: name a version or a digest, to know what runs"}},
		{"no tag", image("reg:5000/x"), []string{"spec.filter.source.registry.image has no tag or latest: name a version or a digest, to know what runs"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, got := Validate(autoWasm(tt.change), Options{})
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("warnings (-want +got):\n%s", diff)
			}
			for _, line := range got {
				checkWarning(t, line)
			}
		})
	}
}

// checkWarning holds a line to what clients show whole.
func checkWarning(t *testing.T, line string) {
	t.Helper()
	if len([]rune(line)) >= 120 || strings.ContainsAny(line, "\r\n") || strings.HasPrefix(line, "Warning") {
		t.Errorf("a client would not show the warning as it is: %q", line)
	}
}
