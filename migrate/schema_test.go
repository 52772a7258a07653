// SPDX-License-Identifier: Apache-2.0

package migrate

import (
	"testing"

	"k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"

	"github.com/autowasm/autowasm/api/v1alpha1/crdtest"
	"github.com/autowasm/autowasm/validation"
)

// TestTheServerAdmits what is printed: the schema and rules of the CRD, and those of the webhook.
func TestTheServerAdmits(t *testing.T) {
	schema, admitted := crdtest.Load(t, "../manifests"), 0
	for name, objects := range samples(t) {
		for _, migrated := range Objects(objects, testOptions).Migrated {
			admitted++
			aw := migrated.AutoWasm.DeepCopy()
			if aw.Namespace == "" {
				aw.Namespace = "default"
			}
			errs, _ := validation.Validate(aw, validation.Options{RootNamespace: "istio-system"})
			if errs = append(errs, schema.Validate(t, contentOf(t, yamlOf(t, aw)))...); len(errs) > 0 {
				t.Errorf("%s: AutoWasm %s: %v", name, aw.Name, errs.ToAggregate())
			}
		}
	}
	if admitted < 20 {
		t.Errorf("%d AutoWasms are printed for the samples", admitted)
	}
}

func contentOf(t *testing.T, manifest []byte) map[string]any {
	t.Helper()
	raw, err := yaml.YAMLToJSONStrict(manifest)
	if err != nil {
		t.Fatal(err)
	}
	var content map[string]any
	if err := json.Unmarshal(raw, &content); err != nil {
		t.Fatal(err)
	}
	return content
}
