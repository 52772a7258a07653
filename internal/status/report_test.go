// SPDX-License-Identifier: Apache-2.0

package status

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// someFail is a filter that fails in several ways at once.
func someFail() *v1alpha1.AutoWasm {
	aw := failing("False", v1alpha1.ReasonProxyStartFailed, "1 of 5 selected proxies run the module; the proxy of Pod default/b has the module, but …")
	aw.Status.Phase = v1alpha1.PhaseFailed
	aw.Status.Conditions = append(aw.Status.Conditions, condition(v1alpha1.ConditionPreflightPassed, "False", v1alpha1.ReasonPortNotInService,
		"port 9081 of applyPorts is that of no Service", time.Minute))
	aw.Status.Proxies = &v1alpha1.ProxiesStatus{Selected: 5, Running: 2, NotRunning: []v1alpha1.ProxyStatus{
		{Namespace: "default", Pod: "b", State: "StartFailed", Message: "has the module, but runs only 0 of the 4 virtual machines", Since: ago(4 * time.Minute)},
		{Namespace: "default", Pod: "c", State: "Trapping", Message: "has trapped more than once within ten minutes", Since: ago(90 * time.Second)},
		{Namespace: "default", Pod: "d", State: "Loading", Message: "waits for the module", Since: ago(10 * time.Second)},
		{Namespace: "default", Pod: "e", State: "LoadFailed", Message: "gave up loading the module", Since: ago(20 * time.Second)},
	}}
	return aw
}

// many is a filter of more proxies than are shown.
func many() Objects {
	aw := filter()
	aw.Status.Proxies.Selected, aw.Status.Proxies.Running = 13, 13
	o := Objects{AutoWasm: aw, EnvoyFilter: envoyFilter(aw)}
	for i := range 13 {
		o.Pods = append(o.Pods, pod(fmt.Sprintf("p%02d", i), 24*time.Hour))
	}
	return o
}

// refused is a filter that runs with a configuration that its schema refuses.
func refused() *v1alpha1.AutoWasm {
	aw := filter()
	aw.Status.Conditions = append(aw.Status.Conditions, condition(v1alpha1.ConditionConfigValid, "False", v1alpha1.ReasonConfigRefused,
		"spec.filter.config.limit: Invalid value: must be an integer, not a string, by the schema in the module", time.Minute))
	return aw
}

// first is an AutoWasm that nothing has been done for.
func first() *v1alpha1.AutoWasm {
	aw := filter()
	aw.Status = v1alpha1.AutoWasmStatus{ObservedGeneration: -1}
	aw.Spec.Selector, aw.Spec.Filter.ApplyPorts = v1alpha1.WorkloadSelector{}, nil
	aw.Annotations = map[string]string{v1alpha1.AnnotationAllowMeshWide: "true"}
	return aw
}

func TestTrees(t *testing.T) {
	aw := filter()
	notObserved := filter()
	notObserved.Status.Proxies = nil
	tooMany := failing("False", v1alpha1.ReasonProxyRefused, "0 of 3 selected proxies run the module")
	tooMany.Status.Proxies = &v1alpha1.ProxiesStatus{Selected: 3, NotRunning: []v1alpha1.ProxyStatus{{Namespace: "default", Pod: "a", State: "Rejected", Since: ago(time.Minute)}}}
	foreign := failing("False", v1alpha1.ReasonForeignEnvoyFilter, "EnvoyFilter default/test exists and was not made by AutoWasm")
	staged := func(ef *unstructured.Unstructured) { ef.SetOwnerReferences(nil) }
	older := envoyFilter(aw, func(ef *unstructured.Unstructured) {
		ef.SetAnnotations(map[string]string{
			v1alpha1.AnnotationOwner: "default/test", v1alpha1.AnnotationGeneration: "1", v1alpha1.AnnotationModule: strings.Repeat("0", 64), v1alpha1.AnnotationSpecHash: "x",
		})
	})
	for name, objects := range map[string]Objects{
		"ready": {AutoWasm: aw, EnvoyFilter: envoyFilter(aw), Pods: []Pod{
			pod("b", 30*time.Minute), pod("a", 24*time.Hour), pod("job", time.Hour, withoutProxy), pod("gone", time.Hour, deleted),
		}},
		"failing": {AutoWasm: someFail(), EnvoyFilter: older, Pods: []Pod{
			pod("a", 24*time.Hour), pod("b", 24*time.Hour), pod("c", 24*time.Hour), pod("d", 24*time.Hour), pod("e", 24*time.Hour),
			pod("new", time.Second), pod("starts", time.Second, starting),
		}},
		"first":        {AutoWasm: first(), EnvoyFilter: envoyFilter(first(), staged)},
		"foreign":      {AutoWasm: foreign, EnvoyFilter: envoyFilter(aw, func(ef *unstructured.Unstructured) { ef.SetManagedFields(nil) })},
		"not-observed": {AutoWasm: notObserved, EnvoyFilter: envoyFilter(aw), Pods: []Pod{pod("a", time.Hour)}},
		"not-named":    {AutoWasm: tooMany, EnvoyFilter: envoyFilter(aw), Pods: []Pod{pod("a", time.Hour), pod("b", time.Hour), pod("c", time.Hour)}},
		"forbidden":    {AutoWasm: someFail(), NoEnvoyFilter: "may not list envoyfilters", NoPods: "may not list pods"},
		"refused":      {AutoWasm: refused(), EnvoyFilter: envoyFilter(refused()), Pods: []Pod{pod("a", time.Hour)}},
		"many":         many(),
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			if err := (Printer{Now: now}).Print(&out, Of(objects)); err != nil {
				t.Fatal(err)
			}
			golden(t, name+".txt", out.String())
		})
	}
	var all strings.Builder
	if err := (Printer{Now: now, All: true}).Print(&all, Of(many())); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(all.String(), "default/p"); got != 13 {
		t.Errorf("%d of 13 proxies are shown:\n%s", got, &all)
	}
}

func TestReportAsJSON(t *testing.T) {
	aw := someFail()
	raw, err := json.MarshalIndent(Of(Objects{AutoWasm: aw, EnvoyFilter: envoyFilter(aw), Pods: []Pod{pod("a", 24*time.Hour)}}), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "failing.json", string(raw)+"\n")
}

// TestHostileTextStaysOnItsLine: messages quote registries and proxies.
func TestHostileTextStaysOnItsLine(t *testing.T) {
	aw := failing("False", v1alpha1.ReasonNotFound, "a\x1b[2J\nAutoWasm default/other: Ready")
	var out strings.Builder
	if err := (Printer{Now: now}).Print(&out, Of(Objects{AutoWasm: aw})); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), "\x1b") || strings.Contains(out.String(), "\nAutoWasm") {
		t.Errorf("printed %q", &out)
	}
}

// TestGateways: the Pods with the kind of proxy that the filter is for.
func TestGateways(t *testing.T) {
	aw := filter()
	aw.Spec.Filter.Context = v1alpha1.Gateway
	gateway := func(p *Pod) { p.Spec.Containers = p.Spec.Containers[1:] }
	template := func(p *Pod) { p.Annotations = map[string]string{"inject.istio.io/templates": "grpc-agent,gateway"} }
	native := func(p *Pod) {
		p.Spec.InitContainers, p.Spec.Containers = p.Spec.Containers[1:], p.Spec.Containers[:1]
		p.Status.InitContainerStatuses, p.Status.ContainerStatuses = p.Status.ContainerStatuses, nil
	}
	pods := []Pod{pod("alone", time.Hour, gateway), pod("template", time.Hour, template), pod("sidecar", time.Hour), pod("native", time.Hour, native)}
	names := func() (all []string) {
		for _, p := range Of(Objects{AutoWasm: aw, Pods: pods}).Proxies.All {
			all = append(all, p.Pod)
		}
		return all
	}
	if diff := cmp.Diff([]string{"alone", "template"}, names()); diff != "" {
		t.Errorf("gateways (-want +got)\n%s", diff)
	}
	aw.Spec.Filter.Context = ""
	if diff := cmp.Diff([]string{"native", "sidecar"}, names()); diff != "" {
		t.Errorf("sidecars (-want +got)\n%s", diff)
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got)\n%s", name, diff)
	}
}
