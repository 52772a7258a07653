// SPDX-License-Identifier: Apache-2.0

package validation

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

func TestDefault(t *testing.T) {
	long := strings.Repeat("n", 253)
	annotated := map[string]string{v1alpha1.AnnotationDefaultPorts: "8080, 9080", v1alpha1.AnnotationDefaultSecret: "regcred"}
	tests := []struct {
		name        string
		annotations map[string]string
		in, want    string // want "" means in, untouched
	}{
		{
			name: "a bare object",
			in:   `{"metadata":{"namespace":"ns","name":"n"},"spec":{"filter":{"source":{"registry":{"image":"reg.example/x:v1"}}}}}`,
			want: `{"metadata":{"namespace":"ns","name":"n"},"spec":{"filter":{"vmID":"ns.n","source":{"registry":{"image":"reg.example/x:v1","pullPolicy":"IfNotPresent"}}}}}`,
		},
		{
			name:        "with the namespace's defaults",
			annotations: annotated,
			in:          `{"metadata":{"namespace":"ns","name":"n"},"spec":{"filter":{"source":{"registry":{"image":"x"}}}}}`,
			want:        `{"metadata":{"namespace":"ns","name":"n"},"spec":{"secret":"regcred","filter":{"vmID":"ns.n","applyPorts":[8080,9080],"source":{"registry":{"image":"x","pullPolicy":"Always"}}}}}`,
		},
		{
			name:        "no secret for an object",
			annotations: annotated,
			in:          `{"metadata":{"namespace":"ns","name":"n"},"spec":{"filter":{"vmID":"v","source":{"object":{"url":"https://x"}}}}}`,
			want:        `{"metadata":{"namespace":"ns","name":"n"},"spec":{"filter":{"vmID":"v","applyPorts":[8080,9080],"source":{"object":{"url":"https://x"}}}}}`,
		},
		{
			name:        "everything is set",
			annotations: annotated,
			in:          `{"metadata":{"namespace":"ns","name":"n"},"spec":{"secret":"s","filter":{"vmID":"v","applyPorts":[1],"source":{"registry":{"image":"x","pullPolicy":"IfNotPresent"}}}}}`,
		},
		{
			name:        "what is empty is set too",
			annotations: annotated,
			in:          `{"metadata":{"namespace":"ns","name":"n"},"spec":{"secret":"","filter":{"vmID":"","applyPorts":[],"source":{"registry":{"image":"x","pullPolicy":null}}}}}`,
		},
		{
			name: "a name that is still to be generated",
			in:   `{"metadata":{"namespace":"ns","generateName":"n-"},"spec":{"filter":{"source":{"object":{"url":"https://x"}}}}}`,
		},
		{
			name:        "an object that is being deleted",
			annotations: annotated,
			in:          `{"metadata":{"namespace":"ns","name":"n","deletionTimestamp":"2026-01-01T00:00:00Z"},"spec":{"filter":{"source":{"registry":{"image":"x"}}}}}`,
		},
		{
			name: "an identifier longer than the API allows",
			in:   `{"metadata":{"namespace":"ns","name":"` + long + `"},"spec":{"filter":{"source":{"object":{}}}}}`,
			want: `{"metadata":{"namespace":"ns","name":"` + long + `"},"spec":{"filter":{"vmID":"ns.` + long + `","source":{"object":{}}}}}`,
		},
		{
			name: "a still longer one",
			in:   `{"metadata":{"namespace":"nsns","name":"` + long + `"},"spec":{"filter":{"source":{"object":{}}}}}`,
			want: `{"metadata":{"namespace":"nsns","name":"` + long + `"},"spec":{"filter":{"vmID":"nsns.` + long[:234] + `-44d1a95b58b7b845","source":{"object":{}}}}}`,
		},
		{name: "no spec", annotations: annotated, in: `{"metadata":{"namespace":"ns","name":"n"}}`},
		{name: "no filter", annotations: annotated, in: `{"metadata":{"namespace":"ns","name":"n"},"spec":{}}`},
		{name: "a spec of the wrong type", annotations: annotated, in: `{"metadata":{"namespace":"ns","name":"n"},"spec":[]}`},
		{name: "a filter of the wrong type", annotations: annotated, in: `{"metadata":{"namespace":"ns","name":"n"},"spec":{"filter":"x"}}`},
		{name: "metadata of the wrong type", in: `{"metadata":7,"spec":{"filter":{"source":[]}}}`},
		{name: "an image of the wrong type", in: `{"metadata":{"name":7},"spec":{"filter":{"source":{"registry":{"image":7}}}}}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := tt.want
			if want == "" {
				want = tt.in
			}
			got := decodeMap(t, tt.in)
			filled := Default(got, nil, defaultsOf(tt.annotations))
			if diff := cmp.Diff(decodeMap(t, want), got); diff != "" {
				t.Errorf("defaults (-want +got):\n%s", diff)
			}
			if len(filled) > 0 != (tt.want != "") {
				t.Errorf("Default filled %v", filled)
			}
		})
	}
}

func defaultsOf(annotations map[string]string) NamespaceDefaults {
	d, _ := NamespaceDefaultsOf("ns", annotations, NamespaceFields{ApplyPorts: true, Secret: true})
	return d
}

func TestDefaultPullPolicy(t *testing.T) {
	const digest = "@sha256:0123456789012345678901234567890123456789012345678901234567890123"
	tests := map[string]string{
		"x":                              "Always",
		"x:latest":                       "Always",
		"reg.example:5000/team/x":        "Always",
		"reg.example:5000/team/x:latest": "Always",
		"reg.example:5000/team/x:v1":     "IfNotPresent",
		"x:v1":                           "IfNotPresent",
		"x" + digest:                     "IfNotPresent",
		"x:latest" + digest:              "IfNotPresent",
		"x:latest-1":                     "IfNotPresent",
	}
	for image, want := range tests {
		if got := string(v1alpha1.DefaultPullPolicy(image)); got != want {
			t.Errorf("pull policy of %s = %s, want %s", image, got, want)
		}
	}
}

func TestDefaultPorts(t *testing.T) {
	type result struct {
		Ports []int64
		Err   string
	}
	tests := []struct {
		annotation string
		want       result
	}{
		{"", result{}},
		{"  ", result{}},
		{"9080", result{Ports: []int64{9080}}},
		{" 8080 ,9080 ", result{Ports: []int64{8080, 9080}}},
		{"[8080, 9080]", result{Ports: []int64{8080, 9080}}},
		{"[]", result{Ports: []int64{}}},
		{"http", result{Err: "not a list of ports"}},
		{"8080,", result{Err: "not a list of ports"}},
		{"[8080", result{Err: "not a JSON list of ports"}},
		{`["8080"]`, result{Err: "not a JSON list of ports"}},
		{"[null]", result{Err: "0 is not a port"}},
		{"65536", result{Err: "65536 is not a port"}},
		{"-1", result{Err: "-1 is not a port"}},
		{"80,80", result{Err: "port 80 twice"}},
		{"1" + strings.Repeat(",1", 64), result{Err: "more than 64 ports"}},
	}
	for _, tt := range tests {
		t.Run(tt.annotation, func(t *testing.T) {
			var got result
			ports, err := defaultPorts(tt.annotation)
			got.Ports = ports
			if err != nil {
				got.Err = err.Error()
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("defaultPorts (-want +got):\n%s", diff)
			}
		})
	}
}
