// SPDX-License-Identifier: Apache-2.0

package validation

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

// The managed fields of an AutoWasm of which a user has set the image, and those of a second manager.
const (
	setsImage  = `{"manager":"u","operation":"Apply","apiVersion":"wasm.tcm.io/v1alpha1","fieldsV1":{"f:spec":{"f:filter":{"f:source":{"f:registry":{"f:image":{}}}}}}}`
	setsPolicy = `{"manager":"v","operation":"Update","apiVersion":"wasm.tcm.io/v1alpha1","fieldsV1":{"f:spec":{".":{},"f:filter":{"f:source":{"f:registry":{"f:pullPolicy":{}}}}}}}`
	setsSource = `{"manager":"v","operation":"Update","apiVersion":"wasm.tcm.io/v1alpha1","fieldsV1":{"f:spec":{"f:filter":{"f:source":{}}}}}`
	setsSecret = `{"manager":"v","operation":"Update","apiVersion":"wasm.tcm.io/v1alpha1","fieldsV1":{"f:spec":{"f:secret":{}}}}`
	// setsPorts is of the time when the ports were a set.
	setsPorts  = `{"manager":"v","operation":"Update","apiVersion":"wasm.tcm.io/v1alpha1","fieldsV1":{"f:spec":{"f:filter":{"f:applyPorts":{".":{},"v:8080":{}}}}}}`
	setsStatus = `{"manager":"autowasm","operation":"Update","apiVersion":"wasm.tcm.io/v1alpha1","subresource":"status","fieldsV1":{"f:status":{"f:phase":{}}}}`
	setsOther  = `{"manager":"v","operation":"Update","apiVersion":"wasm.tcm.io/v1","fieldsV1":{"f:spec":{}}}`
)

// stored is an AutoWasm as the API server has it: with managed fields, a source and more of its spec and filter.
func stored(managers, source, spec string) string {
	return fmt.Sprintf(`{"metadata":{"namespace":"ns","name":"n","uid":"u","managedFields":[%s]},"spec":{%s"filter":{"vmID":"ns.n","source":{%s}}}}`, managers, spec, source)
}

func registry(image, pullPolicy string) string {
	return fmt.Sprintf(`"registry":{"image":%q,"pullPolicy":%q}`, image, pullPolicy)
}

const (
	fromMap = `"configMap":{"name":"c","key":"k"}`
	regcred = `"secret":"regcred",`
)

func TestWhatWasFilledIsFilledAnew(t *testing.T) {
	v1, latest := registry("f:v1", "IfNotPresent"), registry("f:latest", "IfNotPresent")
	always := "replace /spec/filter/source/registry/pullPolicy Always"
	applied := func(manifest, raw string) string {
		return strings.Replace(raw, `"uid":"u"`, fmt.Sprintf(`"uid":"u","annotations":{%q:%q}`, lastApplied, manifest), 1)
	}
	tests := []struct {
		name        string
		annotations map[string]string
		old, raw    string
		want        []string
	}{
		{name: "another image", old: stored(setsImage, v1, ""), raw: stored(setsImage, latest, ""), want: []string{always}},
		{name: "and back", old: stored(setsImage, registry("f", "Always"), ""), raw: stored(setsImage, registry("f:v2", "Always"), ""),
			want: []string{"replace /spec/filter/source/registry/pullPolicy IfNotPresent"}},
		{name: "of the same kind", old: stored(setsImage, v1, ""), raw: stored(setsImage, registry("f:v2", "IfNotPresent"), "")},
		{name: "with the status's manager", old: stored(setsImage, v1, ""), raw: stored(setsImage+","+setsStatus, latest, ""), want: []string{always}},
		{name: "another manager set it", old: stored(setsImage, v1, ""), raw: stored(setsImage+","+setsPolicy, latest, "")},
		{name: "another manager set the source", old: stored(setsImage, v1, ""), raw: stored(setsImage+","+setsSource, latest, "")},
		{name: "the manifest of kubectl apply has it", old: stored(setsImage, v1, ""),
			raw: applied(`{"spec":{"filter":{"source":{"registry":{"image":"f:latest","pullPolicy":"IfNotPresent"}}}}}`, stored(setsImage, latest, ""))},
		{name: "the manifest of kubectl apply lacks it", old: stored(setsImage, v1, ""),
			raw: applied(`{"spec":{"filter":{"source":{"registry":{"image":"f:latest"}}}}}`, stored(setsImage, latest, "")), want: []string{always}},
		{name: "a manifest that cannot be read", old: stored(setsImage, v1, ""), raw: applied(`{`, stored(setsImage, latest, "")), want: []string{always}},
		{name: "written from a manifest", old: stored(setsImage, v1, ""), raw: strings.Replace(stored(setsImage, latest, ""), `"uid":"u",`, "", 1)},
		{name: "changed by another webhook", old: stored(setsImage, registry("f:v1", "Always"), ""), raw: stored(setsImage, latest, "")},
		{name: "filled by another webhook", old: stored(setsImage, registry("f:v1", "Always"), ""), raw: stored(setsImage, registry("f:v2", "Always"), "")},
		{name: "nothing is known of managers", old: stored("", v1, ""), raw: stored("", latest, "")},
		{name: "but of the status's", old: stored(setsStatus, v1, ""), raw: stored(setsStatus, latest, "")},
		{name: "of another version of the API", old: stored(setsImage, v1, ""), raw: stored(setsImage+","+setsOther, latest, "")},
		{name: "managers that cannot be read", old: stored(setsImage, v1, ""), raw: stored(setsImage+`,7`, latest, "")},

		{name: "a source that uses no secret", old: stored(setsImage, v1, regcred), raw: stored(setsImage, fromMap, regcred), want: []string{"remove /spec/secret <nil>"}},
		{name: "with a secret that a user set", old: stored(setsImage, v1, regcred), raw: stored(setsImage+","+setsSecret, fromMap, regcred)},
		{name: "to a source that uses one", annotations: map[string]string{v1alpha1.AnnotationDefaultSecret: "new"}, old: stored(setsImage, fromMap, ""), raw: stored(setsImage, v1, ""),
			want: []string{"add /spec/secret new"}},
		{name: "another secret of the namespace", annotations: map[string]string{v1alpha1.AnnotationDefaultSecret: "new"}, old: stored(setsImage, v1, regcred),
			raw: stored(setsImage, registry("f:v2", "IfNotPresent"), regcred), want: []string{"replace /spec/secret new"}},
		{name: "none of the namespace any more", annotations: map[string]string{v1alpha1.AnnotationDefaultSecret: ""}, old: stored(setsImage, v1, regcred),
			raw: stored(setsImage, registry("f:v2", "IfNotPresent"), regcred), want: []string{"remove /spec/secret <nil>"}},
		{name: "not a word of the namespace", old: stored(setsImage, v1, regcred), raw: stored(setsImage, registry("f:v2", "IfNotPresent"), regcred)},
		{name: "a word that cannot be read", annotations: map[string]string{v1alpha1.AnnotationDefaultSecret: "No Name"}, old: stored(setsImage, v1, regcred),
			raw: stored(setsImage, registry("f:v2", "IfNotPresent"), regcred)},
		{name: "nothing else changes", annotations: map[string]string{v1alpha1.AnnotationDefaultSecret: "new"}, old: stored(setsImage, v1, regcred), raw: stored(setsImage, v1, regcred)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			old, aw := decodeMap(t, tt.old), decodeMap(t, tt.raw)
			defaults, _ := NamespaceDefaultsOf("ns", tt.annotations, NamespaceFieldsOf(aw, old))
			changes := Default(aw, old, defaults)
			var got []string
			for _, c := range changes {
				got = append(got, fmt.Sprintf("%s %s %v", c.Operation, c.Path, c.Value))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(aw, decodeMap(t, added(t, tt.raw, changes))); diff != "" {
				t.Errorf("object with the patch (-want +got):\n%s", diff)
			}
			if again := Default(aw, old, defaults); len(again) > 0 {
				t.Errorf("the second time: %v", again)
			}
		})
	}
}

func TestPortsFollowTheNamespace(t *testing.T) {
	object := func(managers, more string) string {
		return fmt.Sprintf(`{"metadata":{"namespace":"ns","name":"n","uid":"u","managedFields":[%s]},"spec":{"filter":{"vmID":"ns.n",%s"source":{%s}}}}`, managers, more, fromMap)
	}
	tests := []struct{ name, annotation, old, raw, want, warning string }{
		{"another", "9090", object(setsImage, `"applyPorts":[8080],`), object(setsImage, `"rootID":"r","applyPorts":[8080],`), "[9090]",
			"spec.filter.applyPorts is not set, and follows namespace ns: it is [9090], and was [8080]"},
		{"the same", "8080", object(setsImage, `"applyPorts":[8080],`), object(setsImage, `"rootID":"r","applyPorts":[8080],`), "[8080]", ""},
		{"none", "[]", object(setsImage, `"applyPorts":[8080],`), object(setsImage, `"rootID":"r","applyPorts":[8080],`), "<nil>",
			"spec.filter.applyPorts is not set, and follows namespace ns: it is none, and was [8080]"},
		{"the first", "9090", object(setsImage, ""), object(setsImage, `"rootID":"r",`), "[9090]",
			"spec.filter.applyPorts is not set, and follows namespace ns: it is [9090], and was none"},
		{"taken out by a user", "9090", object(setsPorts, `"applyPorts":[8080],`), object(setsImage, ""), "[9090]", ""},
		{"a user's", "9090", object(setsPorts, `"applyPorts":[8080],`), object(setsPorts, `"rootID":"r","applyPorts":[8080],`), "[8080]", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			old, aw := decodeMap(t, tt.old), decodeMap(t, tt.raw)
			defaults, _ := NamespaceDefaultsOf("ns", map[string]string{v1alpha1.AnnotationDefaultPorts: tt.annotation}, NamespaceFieldsOf(aw, old))
			warnings := strings.Join(Followed("ns", aw, old, Default(aw, old, defaults)), "\n")
			if got := fmt.Sprint(objectOf(aw).filter["applyPorts"]); got != tt.want || warnings != tt.warning {
				t.Errorf("applyPorts %s with the warning %q, want %s with %q", got, warnings, tt.want, tt.warning)
			}
		})
	}
}
