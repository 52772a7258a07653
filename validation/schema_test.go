// SPDX-License-Identifier: Apache-2.0

package validation

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/api/v1alpha1/crdtest"
)

// refusedBySchema are the API server's own objections to an AutoWasm.
func refusedBySchema(t *testing.T, schema *crdtest.Schema, aw *v1alpha1.AutoWasm) field.ErrorList {
	t.Helper()
	var object map[string]any
	if err := utiljson.Unmarshal(encode(t, aw), &object); err != nil {
		t.Fatal(err)
	}
	return schema.Validate(t, object)
}

// edges are changes at and beyond the limits of each field. Whatever the CRD says
// about them, Validate must not be more lenient.
func edges() []change {
	var all []change
	each := func(set func(*v1alpha1.AutoWasm, string), values ...string) {
		for _, value := range values {
			all = append(all, func(aw *v1alpha1.AutoWasm) { set(aw, value) })
		}
	}
	each(func(aw *v1alpha1.AutoWasm, v string) { aw.Spec.Secret = v }, "", "a.b", "A", "a_b", "other/secret", nameOf(253), nameOf(254), ".a", "a.")
	each(func(aw *v1alpha1.AutoWasm, v string) { aw.Spec.Filter.VMID = v }, "", nameOf(256), nameOf(257), strings.Repeat("é", 256), strings.Repeat("é", 257))
	each(func(aw *v1alpha1.AutoWasm, v string) { aw.Spec.Filter.RootID = v }, nameOf(256), nameOf(257))
	each(func(aw *v1alpha1.AutoWasm, v string) { aw.Spec.Filter.ProxyVersion = v }, ".*", nameOf(1024), nameOf(1025))
	each(func(aw *v1alpha1.AutoWasm, v string) { aw.Spec.Filter.FailurePolicy = v1alpha1.FailurePolicy(v) }, "FailOpen", "FailReload", "failopen")
	each(func(aw *v1alpha1.AutoWasm, v string) { aw.Spec.Filter.Context = v1alpha1.Context(v) }, "Gateway", "Any")
	each(func(aw *v1alpha1.AutoWasm, v string) { image(v)(aw) }, "", "x", "x y", "x\ty", "reg:5000/x@"+digest, nameOf(200), nameOf(1025))
	each(func(aw *v1alpha1.AutoWasm, v string) {
		image("x")(aw)
		aw.Spec.Filter.Source.Registry.PullPolicy = v1alpha1.PullPolicy(v)
	}, "", "Always", "Never")
	each(func(aw *v1alpha1.AutoWasm, v string) { address(v)(aw) }, "", "/x", "x/y", "ftp://x", "s3://b/f", "https://x", "HTTPS://x", "https:x", "https:///x", "http://:80/x",
		"https://u@x/y", "https://u:p@x/y", "https://@x/y", "https://x/y\n", "https://x/%zz", "https://[::1]/x", "https://[::1/x", "https://x:99999/y", "https://x/a@b", "https://x?a@b", "https://"+nameOf(2048))
	each(func(aw *v1alpha1.AutoWasm, v string) { withSource(fromObject("https://x", v))(aw) }, "", digest[7:], digest, strings.ToUpper(digest[7:]), "0", digest[8:])
	each(func(aw *v1alpha1.AutoWasm, v string) { withSource(fromConfigMap(v, "k"))(aw) }, "", "a", "A", "a/b", nameOf(253), nameOf(254))
	each(func(aw *v1alpha1.AutoWasm, v string) { withSource(fromConfigMap("n", v))(aw) }, "", "a", "..", "a/b", "A_b.c-d", nameOf(253), nameOf(254))
	each(func(aw *v1alpha1.AutoWasm, v string) { matching(v, "x")(aw) }, "", "a", "*", "a b", "example.com/a", "a/b/c", "Example.com/a", "example.com/", nameOf(63), nameOf(64), nameOf(253)+"/a", nameOf(254)+"/a", "-a", "a.")
	each(func(aw *v1alpha1.AutoWasm, v string) { matching("a", v)(aw) }, "", "*", "a*", "a/b", "-a", "a.", nameOf(63), nameOf(64), "é")
	each(func(aw *v1alpha1.AutoWasm, v string) { env(v1alpha1.EnvVar{Name: v, Value: "v"})(aw) }, "", "A", "A=B", "A\x00", nameOf(256), nameOf(257), "é")
	each(func(aw *v1alpha1.AutoWasm, v string) { env(v1alpha1.EnvVar{Name: "A", Value: v, FromHost: true})(aw) }, "", "v")
	each(func(aw *v1alpha1.AutoWasm, v string) {
		env(v1alpha1.EnvVar{Name: "A", Value: v}, v1alpha1.EnvVar{Name: v})(aw)
	}, "A", "B", nameOf(2048), nameOf(2049))
	return append(all, withSource(v1alpha1.Source{}), withPorts(), withPorts(0), withPorts(65535), withPorts(65536), withPorts(-1), withPorts(80, 80),
		withPorts(portRange(64)...), withPorts(portRange(65)...), env(make([]v1alpha1.EnvVar, 65)...),
		func(aw *v1alpha1.AutoWasm) { aw.Spec.Filter.Source.ConfigMap = fromConfigMap("n", "k").ConfigMap })
}

// The webhook checks an object as if no schema had; the controller relies on it for
// objects that came to be without one.
func TestValidateIsAsStrictAsTheSchema(t *testing.T) {
	schema, refusedByBoth := crdtest.Load(t, "../manifests"), 0
	changes := edges()
	random := rand.New(rand.NewPCG(3, 4))
	for i := range 3 * len(changes) {
		aw := autoWasm(changes[i%len(changes)])
		for range i / len(changes) { // the later rounds mix
			changes[random.IntN(len(changes))](aw)
		}
		refused, errs := refusedBySchema(t, schema, aw), messages(aw)
		if len(refused) > 0 && len(errs) == 0 {
			t.Errorf("Validate accepts what the schema refuses (%v):\n%.500s", refused.ToAggregate(), encode(t, aw.Spec))
		}
		if len(refused) > 0 && len(errs) > 0 {
			refusedByBoth++
		}
	}
	if refusedByBoth < len(changes) {
		t.Errorf("both refused only %d of %d objects: the edges are none", refusedByBoth, 3*len(changes))
	}
}

// What Validate accepts in its own tests, the schema lets come that far.
func TestSchemaAcceptsWhatValidateAccepts(t *testing.T) {
	schema := crdtest.Load(t, "../manifests")
	for _, name := range slices.Sorted(maps.Keys(accepted)) {
		if refused := refusedBySchema(t, schema, autoWasm(accepted[name])); len(refused) > 0 {
			t.Errorf("%s: %v", name, refused.ToAggregate())
		}
	}
}
