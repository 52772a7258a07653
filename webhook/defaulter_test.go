// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/validation"
)

func nameOf(length int) string { return strings.Repeat("a", length) }

func namespace(name string, annotations map[string]string) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: annotations}}
}

func clientWith(funcs interceptor.Funcs, objects ...client.Object) client.Client {
	return fake.NewClientBuilder().WithScheme(scheme.Scheme).WithObjects(objects...).WithInterceptorFuncs(funcs).Build()
}

func testDefaulter(t *testing.T, objects ...client.Object) admission.Handler {
	t.Helper()
	c := clientWith(interceptor.Funcs{}, objects...)
	return newDefaulter(Options{Client: c, Reader: c, metrics: newMetrics(prometheus.NewRegistry())})
}

const (
	bareRaw      = `{"metadata":{"namespace":"default","name":"test"},"spec":{"filter":{"vmID":"v","source":{"registry":{"image":"x:v1","pullPolicy":"Always"}}}}}`
	withPortsRaw = `{"metadata":{"namespace":"default","name":"test"},"spec":{"filter":{"vmID":"v","applyPorts":[1],"source":{"registry":{"image":"x:v1","pullPolicy":"Always"}}}}}`
	fullRaw      = `{"metadata":{"namespace":"default","name":"test"},"spec":{"secret":"s","filter":{"vmID":"v","applyPorts":[1],"source":{"registry":{"image":"x:v1","pullPolicy":"Always"}}}}}`
	objectRaw    = `{"metadata":{"namespace":"default","name":"test"},"spec":{"filter":{"vmID":"v","applyPorts":[1],"source":{"object":{"url":"https://x"}}}}}`
	addPorts     = `{"op":"add","path":"/spec/filter/applyPorts","value":[8080]}`
	addSecret    = `{"op":"add","path":"/spec/secret","value":"regcred"}`
)

func TestDefaulterUsesTheNamespace(t *testing.T) {
	tests := []struct {
		name        string
		annotations map[string]string
		operation   admissionv1.Operation
		old, raw    string
		patch       string
		warnings    []string
	}{
		{name: "a create", annotations: annotated, operation: admissionv1.Create, raw: bareRaw, patch: "[" + addPorts + "," + addSecret + "]"},
		{name: "no annotations", operation: admissionv1.Create, raw: bareRaw, patch: "null"},
		{name: "an update that removes what was there", annotations: annotated, operation: admissionv1.Update, old: fullRaw, raw: bareRaw, patch: "[" + addPorts + "," + addSecret + "]"},
		{name: "an update of what never had them", annotations: annotated, operation: admissionv1.Update, old: bareRaw, raw: bareRaw, patch: "null"},
		{name: "an update of another field", annotations: annotated, operation: admissionv1.Update, old: withPortsRaw, raw: bareRaw, patch: "[" + addPorts + "," + addSecret + "]",
			warnings: []string{"spec.secret is not set, and follows namespace default: it is regcred, and was none"}},
		{name: "an update that turns to a registry", annotations: annotated, operation: admissionv1.Update, old: objectRaw, raw: withPortsRaw, patch: "[" + addSecret + "]"},
		{name: "an update of what had no filter", annotations: annotated, operation: admissionv1.Update, old: `{"spec":{}}`, raw: bareRaw, patch: "[" + addPorts + "," + addSecret + "]",
			warnings: []string{"spec.filter.applyPorts is not set, and follows namespace default: it is [8080], and was none"}},
		{name: "an update without an old object", annotations: annotated, operation: admissionv1.Update, raw: bareRaw, patch: "null"},
		{
			name:        "annotations that cannot be read",
			annotations: map[string]string{v1alpha1.AnnotationDefaultPorts: "http", v1alpha1.AnnotationDefaultSecret: "No Name"},
			operation:   admissionv1.Create, raw: bareRaw, patch: "null",
			warnings: []string{
				"annotation wasm.tcm.io/default-ports of namespace default is ignored: not a list of ports",
				"annotation wasm.tcm.io/default-secret of namespace default is ignored: not a Secret's name",
			},
		},
		{name: "bad annotations that are not needed", annotations: map[string]string{v1alpha1.AnnotationDefaultPorts: "http"}, operation: admissionv1.Create, raw: fullRaw, patch: "null"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			req := rawRequest(tt.operation, []byte(tt.raw))
			req.OldObject.Raw = []byte(tt.old)
			resp := testDefaulter(t, namespace("default", tt.annotations)).Handle(t.Context(), req)
			if diff := cmp.Diff(tt.patch, string(encode(t, resp.Patches))); diff != "" {
				t.Errorf("patch (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.warnings, resp.Warnings); diff != "" {
				t.Errorf("warnings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDefaulterReadsANamespaceLiveWhenTheCacheLacksIt(t *testing.T) {
	cached, live := clientWith(interceptor.Funcs{}), clientWith(interceptor.Funcs{}, namespace("default", annotated))
	handler := newDefaulter(Options{Client: cached, Reader: live, metrics: newMetrics(prometheus.NewRegistry())})
	resp := handler.Handle(t.Context(), rawRequest(admissionv1.Create, []byte(bareRaw)))
	if diff := cmp.Diff("["+addPorts+","+addSecret+"]", string(encode(t, resp.Patches))); diff != "" {
		t.Errorf("patch (-want +got):\n%s", diff)
	}
}

// A cache that is not filled yet blocks, and leaves time for the live read.
func TestDefaulterReadsANamespaceLiveWhenTheCacheBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cached := clientWith(interceptor.Funcs{Get: func(ctx context.Context, _ client.WithWatch, _ client.ObjectKey, _ client.Object, _ ...client.GetOption) error {
			<-ctx.Done()
			return ctx.Err()
		}})
		live := clientWith(interceptor.Funcs{Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, _ ...client.GetOption) error {
			return errors.Join(ctx.Err(), c.Get(ctx, key, o))
		}}, namespace("default", annotated))
		got, err := namespaceReader{cached: cached, live: live}.annotations(t.Context(), "default")
		if diff := cmp.Diff(annotated, got); err != nil || diff != "" {
			t.Errorf("%v, annotations (-want +got):\n%s", err, diff)
		}
	})
}

func TestDefaulterGoesOnWithoutTheNamespace(t *testing.T) {
	slow := func(ctx context.Context, _ client.WithWatch, _ client.ObjectKey, _ client.Object, _ ...client.GetOption) error {
		deadline, ok := ctx.Deadline()
		if !ok || time.Until(deadline) > namespaceTimeout {
			return errors.New("the read is not bounded")
		}
		return context.DeadlineExceeded
	}
	c := clientWith(interceptor.Funcs{Get: slow})
	resp := newDefaulter(Options{Client: c, Reader: c, metrics: newMetrics(prometheus.NewRegistry())}).Handle(t.Context(), rawRequest(admissionv1.Create, []byte(bareRaw)))
	if !resp.Allowed || resp.Patches != nil {
		t.Errorf("allowed %v with the patch %v, want allowed without one", resp.Allowed, resp.Patches)
	}
	want := []string{"namespace default could not be read: no defaults were taken from its annotations"}
	if diff := cmp.Diff(want, resp.Warnings); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
}

func TestDefaulterReadsNoNamespaceInVain(t *testing.T) {
	fail := func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
		t.Error("the namespace was read")
		return nil
	}
	c := clientWith(interceptor.Funcs{Get: fail})
	handler := newDefaulter(Options{Client: c, Reader: c, metrics: newMetrics(prometheus.NewRegistry())})
	for _, raw := range []string{fullRaw, objectRaw, `{"spec":{}}`} {
		handler.Handle(t.Context(), rawRequest(admissionv1.Create, []byte(raw)))
	}
}

// The request's context ends when the manager stops; the answer is still whole.
func TestDefaulterOutlivesTheRequestsContext(t *testing.T) {
	live := clientWith(interceptor.Funcs{Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, _ ...client.GetOption) error {
		return errors.Join(ctx.Err(), c.Get(ctx, key, o))
	}}, namespace("default", annotated))
	handler := newDefaulter(Options{Client: live, Reader: live, metrics: newMetrics(prometheus.NewRegistry())})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	resp := handler.Handle(ctx, rawRequest(admissionv1.Create, []byte(bareRaw)))
	if diff := cmp.Diff("["+addPorts+","+addSecret+"]", string(encode(t, resp.Patches))); diff != "" || len(resp.Warnings) > 0 {
		t.Errorf("warnings %q, patch (-want +got):\n%s", resp.Warnings, diff)
	}
}

var annotated = map[string]string{v1alpha1.AnnotationDefaultPorts: "[8080]", v1alpha1.AnnotationDefaultSecret: "regcred"}

// The patch must make of the raw object what validation.Default makes of it, with
// additions alone, and the patched object must need none. That holds for objects that
// the schema will refuse, and those with fields that this version does not know.
func TestDefaulterPatches(t *testing.T) {
	handler := testDefaulter(t, namespace("default", annotated))
	for _, raw := range []string{
		bareRaw, withPortsRaw, fullRaw, objectRaw,
		`{"metadata":{"namespace":"default","name":"test"},"spec":{"newer":{"a":null},"filter":{"source":{"registry":{"image":"x","new":true}},"config":{"big":12345678901234567890.10,"html":"<&>","a/b~c":[null,1.0]}}}}`,
		`{"metadata":{"namespace":"default","generateName":"t-"},"spec":{"filter":{"source":{"registry":{"image":"x:v1"}}}}}`,
		`{"metadata":7,"spec":{"secret":"","filter":{"vmID":"","applyPorts":[],"source":{"registry":{"image":7,"pullPolicy":null}}}}}`,
		`{"metadata":[],"spec":{"filter":{"source":[],"vmID":7}}}`,
		`{"spec":{"filter":"x"}}`, `{"spec":[]}`, `{}`,
	} {
		want := decodeMap(t, raw)
		fields := validation.NamespaceFieldsOf(want, nil)
		defaults, _ := validation.NamespaceDefaultsOf("default", annotated, fields)
		filled := validation.Default(want, nil, defaults)
		resp := handler.Handle(t.Context(), rawRequest(admissionv1.Create, []byte(raw)))
		patched := applyPatch(t, raw, resp)
		if diff := cmp.Diff(want, decodeMap(t, patched)); diff != "" {
			t.Errorf("patched object (-want +got):\n%s", diff)
		}
		if len(filled) == 0 && (resp.Patches != nil || resp.PatchType != nil) {
			t.Errorf("an object that needs nothing got the patch %v", resp.Patches)
		}
		if again := handler.Handle(t.Context(), rawRequest(admissionv1.Create, []byte(patched))); again.Patches != nil {
			t.Errorf("the patched object got the patch %v", again.Patches)
		}
	}
}

func applyPatch(t *testing.T, raw string, resp admission.Response) string {
	t.Helper()
	if !resp.Allowed {
		t.Fatalf("denied: %+v", resp.Result)
	}
	for _, operation := range resp.Patches {
		if operation.Operation != "add" {
			t.Errorf("the patch has the operation %s", operation.Json())
		}
	}
	if resp.Patches == nil {
		return raw
	}
	patch, err := jsonpatch.DecodePatch(encode(t, resp.Patches))
	if err != nil {
		t.Fatalf("decode the patch: %v", err)
	}
	patched, err := patch.Apply([]byte(raw))
	if err != nil {
		t.Fatalf("apply the patch: %v", err)
	}
	return string(patched)
}

func TestPatchIsDeterministic(t *testing.T) {
	handler := testDefaulter(t, namespace("default", annotated))
	req := rawRequest(admissionv1.Create, []byte(`{"metadata":{"namespace":"default","name":"test"},"spec":{"filter":{"source":{"registry":{"image":"x"}}}}}`))
	want := string(encode(t, handler.Handle(t.Context(), req).Patches))
	for range 50 {
		if got := string(encode(t, handler.Handle(t.Context(), req).Patches)); got != want {
			t.Fatalf("patch = %s, before it was %s", got, want)
		}
	}
}
