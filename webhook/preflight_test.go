// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/preflight"
	"github.com/autowasm/autowasm/validation"
)

// stubPreflight returns its findings, and counts the calls.
type stubPreflight struct {
	found []preflight.Finding
	err   error
	slow  bool
	calls int
}

func (l *stubPreflight) Findings(ctx context.Context, _ *v1alpha1.AutoWasm) ([]preflight.Finding, error) {
	l.calls++
	if l.slow {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return l.found, l.err
}

func preflighted(l Preflight) *validator {
	c := cluster(interceptor.Funcs{})
	v := newValidator(Options{Client: c, Reader: c, Fetcher: &stubFetcher{}, Preflight: l, OwnNamespace: "wasmer", metrics: newMetrics(prometheus.NewRegistry())})
	v.stage = new(stagings).record
	return v
}

func TestFindingsAreWarnings(t *testing.T) {
	long := strings.Repeat("x", 200) + "\nend"
	l := &stubPreflight{found: []preflight.Finding{{Reason: "A", Message: "first"}, {Reason: "B", Message: long}}}
	create := requestFor(t, admissionv1.Create, autoWasm())
	changed := updateRequest(t, autoWasm(), autoWasm(withPorts(80)))
	want := []string{"first", strings.Repeat("x", validation.MaxWarning-1) + "…"}
	for name, req := range map[string]struct{ run func() []string }{
		"create":         {func() []string { return preflighted(l).Handle(t.Context(), create).Warnings }},
		"dry run":        {func() []string { return preflighted(l).Handle(t.Context(), dryRun(create)).Warnings }},
		"update":         {func() []string { return preflighted(l).Handle(t.Context(), changed).Warnings }},
		"update dry run": {func() []string { return preflighted(l).Handle(t.Context(), dryRun(changed)).Warnings }},
	} {
		if diff := cmp.Diff(want, req.run()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestFindingsAreNotRepeated: engines of GitOps dry-run a pending change every few minutes. Who applies is warned, once for
// each change.
func TestFindingsAreNotRepeated(t *testing.T) {
	const unselected, port = "app=details matches no pod", "port 81 is in no Service"
	known := func(aw *v1alpha1.AutoWasm) {
		aw.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionPreflightPassed, Status: metav1.ConditionFalse, Message: "x; " + unselected + "; y"}}
	}
	l := &stubPreflight{found: []preflight.Finding{{Message: unselected, Early: true}, {Message: port}}}
	refused := &stubPreflight{found: []preflight.Finding{{Message: unselected, Refused: true}}}
	create := requestFor(t, admissionv1.Create, autoWasm())
	for name, tt := range map[string]struct {
		preflight Preflight
		req       admission.Request
		want      []string
	}{
		"a create":                           {l, create, []string{unselected, port}},
		"a dry run before anything is there": {l, dryRun(create), []string{port}},
		"a first change":                     {l, updateRequest(t, autoWasm(), autoWasm(withPorts(81))), []string{unselected, port}},
		"a change later":                     {l, updateRequest(t, autoWasm(known), autoWasm(known, withPorts(81))), []string{port}},
		"its dry run":                        {l, dryRun(updateRequest(t, autoWasm(known), autoWasm(known, withPorts(81)))), []string{port}},
		"what is refused":                    {refused, updateRequest(t, autoWasm(known), autoWasm(known, withPorts(81))), nil},
	} {
		resp := preflighted(tt.preflight).Handle(t.Context(), tt.req)
		if diff := cmp.Diff(tt.want, resp.Warnings); diff != "" || resp.Allowed != (tt.want != nil) {
			t.Errorf("%s: allowed %t, warnings (-want +got):\n%s", name, resp.Allowed, diff)
		}
	}
}

func TestFindingsAreBounded(t *testing.T) {
	l := &stubPreflight{}
	for i := range 64 {
		l.found = append(l.found, preflight.Finding{Message: fmt.Sprint(i)})
	}
	resp := preflighted(l).Handle(t.Context(), requestFor(t, admissionv1.Create, autoWasm()))
	if diff := cmp.Diff([]string{"0", "1", "2", "3", "4"}, resp.Warnings); diff != "" || !resp.Allowed {
		t.Errorf("allowed %t (-want +got):\n%s", resp.Allowed, diff)
	}
}

// TestPreflightIsAdvice: its failure is not in the response, and no request waits.
func TestPreflightIsAdvice(t *testing.T) {
	for name, l := range map[string]Preflight{"fails": &stubPreflight{err: errors.New("no cache")}, "is slow": &stubPreflight{slow: true}, "is off": nil} {
		began := time.Now()
		resp := preflighted(l).Handle(t.Context(), requestFor(t, admissionv1.Create, autoWasm()))
		if took := time.Since(began); !resp.Allowed || len(resp.Warnings) > 0 || took > 2*time.Second {
			t.Errorf("it %s: allowed %t with %v after %s", name, resp.Allowed, resp.Warnings, took)
		}
	}
}

// TestPreflightRunsOnlyWhenItCounts: not for an object that is refused anyway, nor for
// one that changes nothing, nor for a namespace that the API server does not send.
func TestPreflightRunsOnlyWhenItCounts(t *testing.T) {
	l := &stubPreflight{found: []preflight.Finding{{Message: "found"}}}
	v := preflighted(l)
	v.Handle(t.Context(), requestFor(t, admissionv1.Create, autoWasm(withPorts(0))))
	v.Handle(t.Context(), updateRequest(t, autoWasm(), autoWasm()))
	resp := v.Handle(t.Context(), in("wasmer", requestFor(t, admissionv1.Create, autoWasm(inNamespace("wasmer")))))
	if l.calls > 0 || slices.Contains(resp.Warnings, "found") {
		t.Errorf("called %d times, warnings %v", l.calls, resp.Warnings)
	}
}

// TestARefusedFinding denies, but for an update of what is in force in the same listeners of the same proxies.
func TestARefusedFinding(t *testing.T) {
	l := &stubPreflight{found: []preflight.Finding{{Message: "advice"}, {Message: "proxies may die", Refused: true}}}
	applied := func(aw *v1alpha1.AutoWasm) {
		aw.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionEnvoyFilterApplied, Status: metav1.ConditionTrue, ObservedGeneration: aw.Generation}}
	}
	version := filter(func(f *v1alpha1.Filter) { f.ProxyVersion = "^1" })
	gateway := filter(func(f *v1alpha1.Filter) { f.Context = v1alpha1.Gateway })
	repair := image("reg.example/x:v2")
	create := requestFor(t, admissionv1.Create, autoWasm(version))
	for name, tt := range map[string]struct {
		req     admission.Request
		allowed bool
	}{
		"a create":                     {create, false},
		"its dry run":                  {dryRun(create), false},
		"a repair":                     {updateRequest(t, autoWasm(applied), autoWasm(repair)), true},
		"of what is not in force":      {updateRequest(t, autoWasm(), autoWasm(repair)), false},
		"for other proxies":            {updateRequest(t, autoWasm(applied), autoWasm(selectingAll)), false},
		"for other ports":              {updateRequest(t, autoWasm(applied), autoWasm(withPorts(80))), false},
		"for another context":          {updateRequest(t, autoWasm(applied), autoWasm(gateway)), false},
		"for other versions":           {updateRequest(t, autoWasm(applied), autoWasm(version)), false},
		"a change of nothing":          {updateRequest(t, autoWasm(), autoWasm()), true},
		"a namespace that is not sent": {in("wasmer", requestFor(t, admissionv1.Create, autoWasm(inNamespace("wasmer")))), true},
	} {
		v, stages := preflighted(l), new(stagings)
		v.stage = stages.record
		resp := v.Handle(t.Context(), tt.req)
		if resp.Allowed != tt.allowed || !tt.allowed && len(*stages) > 0 {
			t.Errorf("%s: allowed %t, staged %v", name, resp.Allowed, *stages)
		}
		if !tt.allowed && (resp.Result.Code != http.StatusForbidden || !strings.Contains(resp.Result.Message, "spec.filter.proxyVersion: Invalid value: ") ||
			!strings.Contains(resp.Result.Message, "proxies may die; wasmer runs with --untested-proxies=Refuse") || !slices.Contains(resp.Warnings, "advice")) {
			t.Errorf("%s: %+v with %v", name, resp.Result, resp.Warnings)
		}
	}
	if resp := preflighted(l).Handle(t.Context(), updateRequest(t, autoWasm(applied), autoWasm(repair))); !slices.Contains(resp.Warnings, "proxies may die") {
		t.Errorf("a repair is admitted with %v", resp.Warnings)
	}
}
