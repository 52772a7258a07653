// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	admissionv1 "k8s.io/api/admission/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch"
	"github.com/autowasm/autowasm/fetch/module"
	"github.com/autowasm/autowasm/fetch/source"
)

const moduleSHA256 = "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"

// prepared is the module that the tests' sources resolve to.
var prepared = fetch.Module{Info: module.Info{SHA256: moduleSHA256, Size: 8, ABI: "0.2.1", Schema: module.Schema{Offset: 8, Size: 2}}, Reference: "reg.example/wasm-add-header@" + digest}

// stubFetcher answers Ensure, and keeps what it was asked for.
type stubFetcher struct {
	asked  []source.Request
	ensure func(context.Context) (fetch.Module, error)
}

func (p *stubFetcher) Ensure(ctx context.Context, r source.Request) (fetch.Module, error) {
	p.asked = append(p.asked, r)
	if p.ensure == nil {
		return prepared, nil
	}
	return p.ensure(ctx)
}

// stagings keeps what was to be staged, and stages nothing.
type stagings []request

func (s *stagings) record(_ context.Context, r request, _ fetch.Module, _ *response) {
	*s = append(*s, r)
}

// testValidator is a validator that stages nothing.
func testValidator(p Fetcher, check SourceCheck) (*validator, *stagings) {
	c := cluster(interceptor.Funcs{})
	v := newValidator(Options{Client: c, Reader: c, Fetcher: p, SourceCheck: check, metrics: newMetrics(prometheus.NewRegistry())})
	g := &stagings{}
	v.stage = g.record
	return v, g
}

func allowed() *metav1.Status { return &metav1.Status{Code: http.StatusOK} }

// TestANamespaceThatDoesNotExist: it is not the API server who asks about it, and nothing is fetched, or staged, for it.
func TestANamespaceThatDoesNotExist(t *testing.T) {
	p := &stubFetcher{}
	v, staged := testValidator(p, Enforce)
	for name, want := range map[string]struct {
		err    error
		denied bool
	}{
		"it does not exist":      {apierrors.NewNotFound(schema.GroupResource{Resource: "namespaces"}, "default"), true},
		"that cannot be known":   {apierrors.NewInternalError(errors.New("broken")), false},
		"the API server is away": {context.DeadlineExceeded, false},
	} {
		p.asked, *staged = nil, nil
		c := cluster(interceptor.Funcs{Get: func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
			return want.err
		}})
		v.namespaceExists = namespaceReader{cached: c, live: c}.exists
		response := v.Handle(t.Context(), requestFor(t, admissionv1.Create, autoWasm()))
		if response.Allowed == want.denied || want.denied != (len(p.asked) == 0) || want.denied != (len(*staged) == 0) {
			t.Errorf("%s: %+v, fetched %v, staged %v", name, response.Result, p.asked, *staged)
		}
		if want.denied && !strings.Contains(response.Result.Message, `metadata.namespace: Not found: "default"`) {
			t.Errorf("%s: %s", name, response.Result.Message)
		}
	}
}

// TestLongCompilations: what holds the main threads of all proxies of a Service for long is warned of before they begin.
func TestLongCompilations(t *testing.T) {
	const warning = "each proxy compiles this module for 19 s, silent meanwhile: with less than 0.42 CPU all Pods leave their Service"
	ran := func(sha256 string) *v1alpha1.AutoWasm {
		return autoWasm(func(aw *v1alpha1.AutoWasm) { aw.Status.Module = &v1alpha1.ModuleStatus{SHA256: sha256} })
	}
	changed := autoWasm(filter(func(f *v1alpha1.Filter) { f.RootID = "another" }))
	for name, tc := range map[string]struct {
		code int64
		req  admission.Request
		want []string
	}{
		"10 seconds":                {7_000_000, requestFor(t, admissionv1.Create, autoWasm()), nil},
		"longer":                    {13_188_725, requestFor(t, admissionv1.Create, autoWasm()), []string{warning}},
		"longer, in a dry run":      {13_188_725, dryRun(requestFor(t, admissionv1.Create, autoWasm())), []string{warning}},
		"it runs already":           {13_188_725, updateRequest(t, ran(moduleSHA256), changed), nil},
		"another runs":              {13_188_725, updateRequest(t, ran("another"), changed), []string{warning}},
		"longer, and was not known": {13_188_725, updateRequest(t, autoWasm(), changed), []string{warning}},
		"it is not known":           {0, requestFor(t, admissionv1.Create, autoWasm()), nil},
	} {
		large := prepared
		large.CodeBytes = tc.code
		v, _ := testValidator(&stubFetcher{ensure: func(context.Context) (fetch.Module, error) { return large, nil }}, Enforce)
		if diff := cmp.Diff(tc.want, v.Handle(t.Context(), tc.req).Warnings); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestValidatorDeniesWithEveryErrorAtOnce(t *testing.T) {
	p := &stubFetcher{}
	v, staged := testValidator(p, Enforce)
	bad := autoWasm(withPorts(0), filter(func(f *v1alpha1.Filter) { f.FailurePolicy = v1alpha1.FailOpen; f.Source.Registry = nil }))
	resp := v.Handle(t.Context(), requestFor(t, admissionv1.Create, bad))
	want := admission.Response{AdmissionResponse: admissionv1.AdmissionResponse{
		Result: &metav1.Status{
			Status: "Failure", Code: http.StatusUnprocessableEntity, Reason: metav1.StatusReasonInvalid,
			Message: `AutoWasm.wasm.tcm.io "test" is invalid: [spec.filter.applyPorts[0]: Invalid value: 0: must be a port from 1 to 65535; leave applyPorts out for all ports, spec.filter.source: Required value: exactly one of registry, object and configMap must be set]`,
			Details: &metav1.StatusDetails{Group: "wasm.tcm.io", Kind: "AutoWasm", Name: "test", Causes: []metav1.StatusCause{
				{Type: "FieldValueInvalid", Field: "spec.filter.applyPorts[0]", Message: "Invalid value: 0: must be a port from 1 to 65535; leave applyPorts out for all ports"},
				{Type: "FieldValueRequired", Field: "spec.filter.source", Message: "Required value: exactly one of registry, object and configMap must be set"},
			}},
		},
		Warnings: []string{
			"spec.secret is not used: it is for registry sources",
			"spec.filter.failurePolicy FailOpen: while the module cannot run, requests pass without the filter",
		},
	}}
	if diff := cmp.Diff(want, resp); diff != "" {
		t.Errorf("response (-want +got):\n%s", diff)
	}
	if len(p.asked) > 0 || len(*staged) > 0 {
		t.Error("an invalid object was fetched or staged")
	}
}

func TestValidatorAllows(t *testing.T) {
	p := &stubFetcher{}
	v, staged := testValidator(p, Enforce)
	aw := autoWasm()
	resp := v.Handle(t.Context(), dryRun(requestFor(t, admissionv1.Create, aw)))
	want := admission.Response{AdmissionResponse: admissionv1.AdmissionResponse{
		Allowed: true, Result: allowed(), AuditAnnotations: map[string]string{"reference": prepared.Reference},
	}}
	if diff := cmp.Diff(want, resp); diff != "" {
		t.Errorf("response (-want +got):\n%s", diff)
	}
	asked := []source.Request{{Namespace: "default", Name: "test", Source: aw.Spec.Filter.Source, Secret: "test"}}
	if diff := cmp.Diff(asked, p.asked); diff != "" {
		t.Errorf("requests to the fetcher (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(stagings{{uid: "705ab4f5-6393-11e8-b7cc-42010a800002", aw: aw, dryRun: true}}, *staged, cmp.AllowUnexported(request{})); diff != "" {
		t.Errorf("staged (-want +got):\n%s", diff)
	}
}

// What is not checked here is allowed, and its source not resolved.
func TestValidatorLetsPass(t *testing.T) {
	invalid := autoWasm(withPorts(0))
	deleted := autoWasm(withPorts(0))
	deleted.DeletionTimestamp, deleted.Finalizers = &metav1.Time{Time: time.Unix(1, 0)}, []string{"x/y"}
	relabelled := autoWasm(withPorts(0))
	relabelled.Labels = map[string]string{"a": "b"}
	statusUpdate := requestFor(t, admissionv1.Update, invalid)
	statusUpdate.SubResource = "status"
	tests := map[string]admission.Request{
		"a delete":                       requestFor(t, admissionv1.Delete, invalid),
		"a connect":                      requestFor(t, admissionv1.Connect, invalid),
		"a subresource":                  statusUpdate,
		"a create of a deleted object":   requestFor(t, admissionv1.Create, deleted),
		"an update of a deleted object":  updateRequest(t, autoWasm(), deleted),
		"an update that leaves the spec": updateRequest(t, invalid, relabelled),
	}
	for name, req := range tests {
		t.Run(name, func(t *testing.T) {
			p := &stubFetcher{}
			v, staged := testValidator(p, Enforce)
			resp := v.Handle(t.Context(), req)
			want := admission.Response{AdmissionResponse: admissionv1.AdmissionResponse{Allowed: true, Result: allowed()}}
			if diff := cmp.Diff(want, resp); diff != "" {
				t.Errorf("response (-want +got):\n%s", diff)
			}
			if len(p.asked) > 0 || len(*staged) > 0 {
				t.Error("the object was fetched or staged")
			}
		})
	}
}

// A crafted request is answered, with an error and nothing done.
func TestValidatorRefusesCraftedRequests(t *testing.T) {
	good := encode(t, autoWasm())
	with := func(change func(*admission.Request)) admission.Request {
		req := rawRequest(admissionv1.Create, good)
		change(&req)
		return req
	}
	object := func(raw string) admission.Request {
		return with(func(r *admission.Request) { r.Object.Raw = []byte(raw) })
	}
	tests := []struct {
		name string
		req  admission.Request
		want string
	}{
		{"no request", admission.Request{}, "this webhook serves only AutoWasm"},
		{"another kind", with(func(r *admission.Request) { r.Kind.Kind = "Pod" }), "this webhook serves only AutoWasm"},
		{"another version", with(func(r *admission.Request) { r.Kind.Version = "v1" }), "this webhook serves only AutoWasm"},
		{"another operation", with(func(r *admission.Request) { r.Operation = "PATCH" }), "this webhook serves CREATE and UPDATE"},
		{"no namespace", with(func(r *admission.Request) { r.Namespace = "" }), "the request names no namespace"},
		{"no uid", with(func(r *admission.Request) { r.UID = "" }), "the request has no proper uid"},
		{"a uid that no label can have", with(func(r *admission.Request) { r.UID = "a b" }), "the request has no proper uid"},
		{"no object", with(func(r *admission.Request) { r.Object = runtime.RawExtension{} }), "there is no object"},
		{"no old object", with(func(r *admission.Request) { r.Operation = admissionv1.Update }), "read the old object of the request: there is no object"},
		{"null", object("null"), `the object is a "" of ""`},
		{"a list", object("[]"), "decode JSON"},
		{"broken JSON", object(`{"kind":`), "decode JSON"},
		{"a spec of the wrong type", object(`{"kind":"AutoWasm","apiVersion":"wasm.tcm.io/v1alpha1","spec":[]}`), "decode JSON"},
		{"a Pod", object(`{"kind":"Pod","apiVersion":"v1"}`), `the object is a "Pod" of "v1"`},
		{"another namespace", with(func(r *admission.Request) { r.Namespace = "other" }), `the object is in namespace "default", the request in "other"`},
		{"another name", with(func(r *admission.Request) { r.Name = "other" }), `the object is named "test", the request "other"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := &stubFetcher{}
			v, staged := testValidator(p, Enforce)
			resp := v.Handle(t.Context(), tt.req)
			if resp.Allowed || resp.Result.Code != http.StatusBadRequest || !strings.Contains(resp.Result.Message, tt.want) {
				t.Errorf("allowed %v, %+v, want a bad request: %s", resp.Allowed, resp.Result, tt.want)
			}
			if len(p.asked) > 0 || len(*staged) > 0 {
				t.Error("the object was fetched or staged")
			}
		})
	}
}

// The API server knows of no field Spec, so neither must the webhook.
func TestValidatorReadsFieldsAsTheAPIServerDoes(t *testing.T) {
	v, _ := testValidator(&stubFetcher{}, Enforce)
	raw := strings.Replace(string(encode(t, autoWasm())), `"spec":`, `"Spec":`, 1)
	resp := v.Handle(t.Context(), rawRequest(admissionv1.Create, []byte(raw)))
	if resp.Allowed {
		t.Error("an object without a spec was admitted for its field Spec")
	}
}

func TestValidatorKnowsGeneratedNames(t *testing.T) {
	v, staged := testValidator(&stubFetcher{}, Enforce)
	req := requestFor(t, admissionv1.Create, autoWasm())
	req.Name = ""
	if resp := v.Handle(t.Context(), req); !resp.Allowed {
		t.Fatalf("denied: %+v", resp.Result)
	}
	if len(*staged) != 1 || !(*staged)[0].unnamed {
		t.Errorf("staged %+v, want one whose name is a candidate", *staged)
	}
}

// The request's context ends when the manager stops; the answer is still given.
func TestValidatorOutlivesTheRequestsContext(t *testing.T) {
	p := &stubFetcher{ensure: func(ctx context.Context) (fetch.Module, error) { return prepared, ctx.Err() }}
	v, _ := testValidator(p, Enforce)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	resp := v.Handle(ctx, requestFor(t, admissionv1.Create, autoWasm()))
	if !resp.Allowed || len(resp.Warnings) > 0 {
		t.Errorf("allowed %v with warnings %q, want allowed without", resp.Allowed, resp.Warnings)
	}
}
