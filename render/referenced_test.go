package render_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/istio"
	"github.com/autowasm/autowasm/render"
)

// TestReferencedServices: only filters for gateways name the module server, and only
// when it is a cluster that istiod makes.
func TestReferencedServices(t *testing.T) {
	const fqdn, wasmer = "wasmer.istio-system.svc.cluster.local", "outbound|8081||wasmer.istio-system.svc.cluster.local"
	for name, tc := range map[string]struct {
		context v1alpha1.Context
		cluster string
		want    string
	}{
		"gateway":            {v1alpha1.Gateway, wasmer, "istio-system/" + fqdn},
		"a subset":           {v1alpha1.Gateway, "outbound|8081|v1|" + fqdn, "istio-system/" + fqdn},
		"a host elsewhere":   {v1alpha1.Gateway, "outbound|443||modules.example.com", "modules.example.com"},
		"a cluster by hand":  {v1alpha1.Gateway, "modules", ""},
		"inbound cluster":    {v1alpha1.Gateway, "inbound|8081||", ""},
		"two hosts":          {v1alpha1.Gateway, "outbound|8081||a,b", ""},
		"inbound":            {v1alpha1.Inbound, wasmer, ""},
		"outbound":           {v1alpha1.Outbound, wasmer, ""},
		"absent, so inbound": {"", wasmer, ""},
	} {
		t.Run(name, func(t *testing.T) {
			aw := &v1alpha1.AutoWasm{}
			aw.Namespace, aw.Name, aw.Spec.Filter.Context = "default", "test", tc.context
			ef, err := render.EnvoyFilter(aw, testModule, render.Options{Cluster: tc.cluster, BaseURL: testOptions.BaseURL})
			if err != nil {
				t.Fatal(err)
			}
			got, present := ef.Annotations[istio.AnnotationReferencedServices]
			if diff := cmp.Diff(tc.want, got); diff != "" || present != (tc.want != "") {
				t.Errorf("present: %t (-want +got):\n%s", present, diff)
			}
		})
	}
}
