// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch"
	"github.com/autowasm/autowasm/fetch/source"
	"github.com/autowasm/autowasm/internal/failure"
)

// answer is what a user sees of an admission.
type answer struct {
	Denied   string // the first cause
	Warnings []string
	Source   string // the audit annotation
}

func answerOf(t *testing.T, v *validator, operation admissionv1.Operation, old, aw *v1alpha1.AutoWasm) answer {
	t.Helper()
	req := requestFor(t, operation, aw)
	if old != nil {
		req = updateRequest(t, old, aw)
	}
	resp := v.Handle(t.Context(), req)
	a := answer{Warnings: resp.Warnings, Source: resp.AuditAnnotations[auditSource]}
	if !resp.Allowed {
		cause := resp.Result.Details.Causes[0]
		a.Denied = cause.Field + ": " + cause.Message
	}
	for _, line := range resp.Warnings {
		checkWarning(t, line)
	}
	return a
}

func failing(err error) *stubFetcher {
	return &stubFetcher{ensure: func(context.Context) (fetch.Module, error) { return fetch.Module{}, err }}
}

func TestTerminalFailures(t *testing.T) {
	withoutSecret := func(aw *v1alpha1.AutoWasm) { aw.Spec.Secret = "" }
	pinnedObject := withSource(fromObject("https://bucket.example/x", digest[7:]))
	tests := []struct {
		name   string
		change change
		reason v1alpha1.Reason
		want   string
	}{
		{"no image", func(*v1alpha1.AutoWasm) {}, v1alpha1.ReasonNotFound, `spec.filter.source.registry.image: Invalid value: "reg.example/wasm-add-header:v0.3": the words`},
		{"no credentials", withoutSecret, v1alpha1.ReasonUnauthorized, `spec.secret: Invalid value: "": the words`},
		{"wrong credentials", func(*v1alpha1.AutoWasm) {}, v1alpha1.ReasonUnauthorized, `spec.secret: Invalid value: "test": the words`},
		{"a bad secret", func(*v1alpha1.AutoWasm) {}, v1alpha1.ReasonInvalidSecret, `spec.secret: Invalid value: "test": the words`},
		{"not a module", func(*v1alpha1.AutoWasm) {}, v1alpha1.ReasonNotWasm, `spec.filter.source.registry.image: Invalid value: "reg.example/wasm-add-header:v0.3": the words`},
		{"a signed URL", withSource(fromObject("https://bucket.example/x?signature=s3cret", digest[7:])), v1alpha1.ReasonNotFound, `spec.filter.source.object.url: Invalid value: "https://bucket.example/x?…": the words`},
		{"no object", pinnedObject, v1alpha1.ReasonNotFound, `spec.filter.source.object.url: Invalid value: "https://bucket.example/x": the words`},
		{"a private object", pinnedObject, v1alpha1.ReasonUnauthorized, `spec.filter.source.object.url: Invalid value: "https://bucket.example/x": the words`},
		{"another object", pinnedObject, v1alpha1.ReasonDigestMismatch, `spec.filter.source.object.sha256: Invalid value: "` + digest[7:] + `": the words; set sha256 to that of the file that you mean`},
		{"a ConfigMap", withSource(fromConfigMap("cm", "key")), v1alpha1.ReasonComponent, `spec.filter.source.configMap: Invalid value: "cm/key": the words`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v, staged := testValidator(failing(failure.Terminalf(tt.reason, "the\nwords")), Enforce)
			got := answerOf(t, v, admissionv1.Create, nil, autoWasm(tt.change))
			if diff := cmp.Diff(answer{Denied: tt.want, Source: string(tt.reason)}, got); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
			if len(*staged) > 0 {
				t.Error("an EnvoyFilter was staged without a module")
			}
		})
	}
}

func TestTransientFailures(t *testing.T) {
	long := nameOf(60) + "." + nameOf(60) + ".example"
	tests := []struct {
		name   string
		change change
		reason v1alpha1.Reason
		want   string
	}{
		{"slow", func(*v1alpha1.AutoWasm) {}, v1alpha1.ReasonPending, "registry reg.example did not answer in time; admitted, and Pending until the module is fetched"},
		{"no secret", func(*v1alpha1.AutoWasm) {}, v1alpha1.ReasonSecretNotFound, "secret test does not exist; admitted, and Pending until it does"},
		{"busy", func(*v1alpha1.AutoWasm) {}, v1alpha1.ReasonRateLimited, "registry reg.example limits the rate of requests; admitted, and Pending until it answers"},
		{"down", withSource(fromObject("https://bucket.example:8443/x", digest[7:])), v1alpha1.ReasonUnavailable, "host bucket.example:8443 is unavailable; admitted, and Pending until it answers"},
		{"no ConfigMap", withSource(fromConfigMap("cm", "key")), v1alpha1.ReasonConfigMapNotFound, "configmap cm lacks the module; admitted, and Pending until it has it"},
		{"a full disk", func(*v1alpha1.AutoWasm) {}, v1alpha1.ReasonStoreFailed, "the module store cannot keep the module now; admitted, and Pending until it can"},
		{"a long name", image(long + "/x:v1"), v1alpha1.ReasonPending, "registry aaaaaaaaaaaaaa…aaaaaa.example did not answer in time; admitted, and Pending until the module is fetched"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v, staged := testValidator(failing(failure.Transientf(tt.reason, "the words")), Enforce)
			got := answerOf(t, v, admissionv1.Create, nil, autoWasm(tt.change))
			if diff := cmp.Diff(answer{Warnings: []string{tt.want}, Source: string(tt.reason)}, got); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
			if len(*staged) > 0 {
				t.Error("an EnvoyFilter was staged without a module")
			}
		})
	}
}

func TestSourceCheck(t *testing.T) {
	v, staged := testValidator(failing(failure.Terminalf(v1alpha1.ReasonNotFound, "no such image")), Warn)
	got := answerOf(t, v, admissionv1.Create, nil, autoWasm())
	want := answer{Warnings: []string{"spec.filter.source.registry.image: no such image"}, Source: "NotFound"}
	if diff := cmp.Diff(want, got); diff != "" || len(*staged) > 0 {
		t.Errorf("Warn, %d staged (-want +got):\n%s", len(*staged), diff)
	}
	p := failing(failure.Terminalf(v1alpha1.ReasonNotFound, "no such image"))
	v, staged = testValidator(p, Off)
	if diff := cmp.Diff(answer{}, answerOf(t, v, admissionv1.Create, nil, autoWasm())); diff != "" || len(*staged) > 0 || len(p.asked) > 0 {
		t.Errorf("Off, %d staged, %d asked (-want +got):\n%s", len(*staged), len(p.asked), diff)
	}
}

// An image that vanished after it was admitted does not stand in the way of a
// change to the ports, but a change of the source must be right.
func TestUpdateAnswersForItsOwnChange(t *testing.T) {
	gone := failure.Terminalf(v1alpha1.ReasonNotFound, "no such image")
	tests := []struct {
		name   string
		change change
		want   answer
	}{
		{"other ports", withPorts(80), answer{Warnings: []string{"spec.filter.source.registry.image: no such image"}, Source: "NotFound"}},
		{"another secret", func(aw *v1alpha1.AutoWasm) { aw.Spec.Secret = "other" }, answer{Denied: `spec.filter.source.registry.image: Invalid value: "reg.example/wasm-add-header:v0.3": no such image`, Source: "NotFound"}},
		{"another image", image("reg.example/x:v2"), answer{Denied: `spec.filter.source.registry.image: Invalid value: "reg.example/x:v2": no such image`, Source: "NotFound"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v, _ := testValidator(failing(gone), Enforce)
			if diff := cmp.Diff(tt.want, answerOf(t, v, admissionv1.Update, autoWasm(), autoWasm(tt.change))); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPin(t *testing.T) {
	aw := autoWasm()
	resolved := func(aw *v1alpha1.AutoWasm) {
		aw.Status.Module = &v1alpha1.ModuleStatus{SHA256: moduleSHA256, Reference: prepared.Reference, Source: source.SourceID(autoWasm().Spec.Filter.Source)}
	}
	policy := func(p v1alpha1.PullPolicy) change {
		return filter(func(f *v1alpha1.Filter) { f.Source.Registry.PullPolicy = p })
	}
	tests := []struct {
		name    string
		old     *v1alpha1.AutoWasm
		changed *v1alpha1.AutoWasm
		want    string
	}{
		{"a create", nil, autoWasm(resolved), ""},
		{"an update of what is resolved", autoWasm(resolved), autoWasm(withPorts(1)), prepared.Reference},
		{"no policy", autoWasm(resolved), autoWasm(withPorts(1), policy("")), prepared.Reference},
		{"a status that the request makes up", aw, autoWasm(resolved, withPorts(1)), ""},
		{"another image", autoWasm(resolved), autoWasm(image("reg.example/x:v2")), ""},
		{"Always", autoWasm(resolved), autoWasm(withPorts(1), policy(v1alpha1.PullAlways)), ""},
		{"an object", autoWasm(resolved), autoWasm(address("https://x")), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := source.RequestFor(tt.changed)
			if tt.want != "" {
				want.Source = v1alpha1.Source{Registry: &v1alpha1.RegistrySource{Image: tt.want}}
			}
			if diff := cmp.Diff(want, requestOf(request{old: tt.old, aw: tt.changed})); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
		})
	}
}

// However slow the source, the answer comes in time: after the budget, or earlier
// when the API server waits less long.
func TestBudget(t *testing.T) {
	tests := []struct {
		query string
		want  time.Duration
	}{
		{"", DefaultBudget},
		{"?timeout=10s", DefaultBudget},
		{"?timeout=5s", 2500 * time.Millisecond},
		{"?timeout=2s", 750 * time.Millisecond},
		{"?timeout=1h", DefaultBudget},
		{"?timeout=x", DefaultBudget},
		{"?timeout=-1s", DefaultBudget},
	}
	for _, tt := range tests {
		t.Run(tt.query, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &stubFetcher{ensure: func(ctx context.Context) (fetch.Module, error) {
					<-ctx.Done()
					return fetch.Module{}, ctx.Err()
				}}
				v, _ := testValidator(p, Enforce)
				call := httptest.NewRequest("POST", "/validate-autowasm"+tt.query, strings.NewReader(""))
				start := time.Now()
				resp := v.Handle(withDeadline(t.Context(), call), requestFor(t, admissionv1.Create, autoWasm()))
				if took := time.Since(start); took != tt.want {
					t.Errorf("answered after %s, want %s", took, tt.want)
				}
				want := []string{"registry reg.example did not answer in time; admitted, and Pending until the module is fetched"}
				if diff := cmp.Diff(want, resp.Warnings); !resp.Allowed || diff != "" {
					t.Errorf("allowed %v, warnings (-want +got):\n%s", resp.Allowed, diff)
				}
			})
		})
	}
}
