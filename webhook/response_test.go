// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"bytes"
	"context"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	admissionv1 "k8s.io/api/admission/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	webhookerrors "k8s.io/apiserver/pkg/admission/plugin/webhook/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch"
	"github.com/autowasm/autowasm/fetch/module"
	"github.com/autowasm/autowasm/internal/failure"
)

func TestRedact(t *testing.T) {
	none := autoWasm().Spec.Filter.Source
	tests := []struct {
		name, text string
		source     v1alpha1.Source
		want       string
	}{
		{"a module", "uri: http://x/wasm/" + moduleSHA256 + " is bad", none, "uri: http://x/wasm/… is bad"},
		{"twice", moduleSHA256 + "," + moduleSHA256, none, "…,…"},
		{"a layer", "layer sha256:" + moduleSHA256, none, "layer sha256:…"},
		{"an image", "read reg.example/x@" + digest + ": gone", none, "read reg.example/x@" + digest + ": gone"},
		{"what the object names", "wanted " + digest[7:], fromObject("https://x", digest[7:]), "wanted " + digest[7:]},
		{"another than it names", "got " + moduleSHA256, fromObject("https://x", digest[7:]), "got …"},
		{"what the image names", "layer " + digest, fromRegistry("x@" + digest), "layer " + digest},
		{"a ConfigMap", moduleSHA256, fromConfigMap("a", "b"), "…"},
		{"a word", "deadbeef", none, "deadbeef"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, redact(tt.text, tt.source)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestAuditedReference(t *testing.T) {
	for reference, want := range map[string]string{
		prepared.Reference:              prepared.Reference,
		"https://b.example/x?signature": "https://b.example/x",
		"configmap/default/filters/key": "configmap/default/filters/key",
	} {
		p := &stubFetcher{ensure: func(context.Context) (fetch.Module, error) {
			return fetch.Module{Info: module.Info{SHA256: moduleSHA256}, Reference: reference}, nil
		}}
		resp := &response{}
		sourceCheck{fetcher: p, budget: DefaultBudget}.module(t.Context(), request{aw: autoWasm()}, resp)
		if got := resp.audit[auditReference]; got != want {
			t.Errorf("%q is audited as %q, want %q", reference, got, want)
		}
	}
}

// The write of an EnvoyFilter and the fetch of a module may fail with words that
// quote the module's sha256, at any place: no answer passes it on, not even a part.
func TestNoAnswerTellsAModule(t *testing.T) {
	fails := map[string]func(text string) (*stubFetcher, error){
		"a fetch": func(text string) (*stubFetcher, error) {
			return failing(failure.Terminalf(v1alpha1.ReasonNotWasm, "%s", text)), nil
		},
		"a write": func(text string) (*stubFetcher, error) {
			return &stubFetcher{}, status(http.StatusInternalServerError, "", text)
		},
		"a refused write": func(text string) (*stubFetcher, error) {
			return &stubFetcher{}, status(http.StatusBadRequest, "", "denied the request: "+text)
		},
		"nothing": func(string) (*stubFetcher, error) { return &stubFetcher{}, nil },
	}
	for name, fail := range fails {
		for _, before := range []int{0, 8, 40, 60, 100, 940, 980, 1000, 1020} {
			text := strings.Repeat(".", before) + moduleSHA256
			p, writeErr := fail(text)
			for _, check := range []SourceCheck{Enforce, Warn} {
				body := encode(t, answerWith(t, p, writeErr, check))
				if bytes.Contains(body, []byte(moduleSHA256[:8])) {
					t.Errorf("%s, %s, after %d characters: %s", name, check, before, body)
				}
			}
		}
	}
}

func answerWith(t *testing.T, p *stubFetcher, writeErr error, check SourceCheck) any {
	t.Helper()
	c := cluster(interceptor.Funcs{Create: func(context.Context, client.WithWatch, client.Object, ...client.CreateOption) error { return writeErr }})
	v := newValidator(Options{Client: c, Reader: c, Fetcher: p, Render: renderOptions, SourceCheck: check, Stage: true, metrics: newMetrics(prometheus.NewRegistry())})
	return v.Handle(t.Context(), requestFor(t, admissionv1.Create, autoWasm()))
}

// The one exception: to whoever names a URL, and a wrong sha256 for it.
func TestMismatchOfAnObjectIsNamed(t *testing.T) {
	text := "the module's sha256 is " + moduleSHA256 + ", wanted " + digest[7:]
	mismatch := failure.Terminalf(v1alpha1.ReasonDigestMismatch, "%s", text)
	if got := failureText(mismatch, fromObject("https://x", digest[7:])); got != text {
		t.Errorf("object: %s", got)
	}
	if got := failureText(mismatch, fromRegistry("x:v1")); strings.Contains(got, moduleSHA256) {
		t.Errorf("registry: %s", got)
	}
}

// fluxImmutable are the words by which Flux takes any error for one about an immutable field (IsImmutableError in
// github.com/fluxcd/pkg/ssa/errors).
var fluxImmutable = regexp.MustCompile(`is\simmutable|immutable\sfield`)

// TestWhatIsRefusedIsNotImmutable: those who delete and create what is immutable know it by the status, Flux by words as well.
func TestWhatIsRefusedIsNotImmutable(t *testing.T) {
	for _, reason := range []v1alpha1.Reason{
		v1alpha1.ReasonNotFound, v1alpha1.ReasonUnauthorized, v1alpha1.ReasonInvalidSecret, v1alpha1.ReasonDigestMismatch, v1alpha1.ReasonNotWasm,
	} {
		f := &stubFetcher{ensure: func(context.Context) (fetch.Module, error) {
			return fetch.Module{}, failure.Terminalf(reason, "the registry's words: the tag is immutable, it has an immutable field")
		}}
		v, _ := testValidator(f, Enforce)
		resp := v.Handle(t.Context(), updateRequest(t, autoWasm(), autoWasm(image("reg.example/x:v2"))))
		err := webhookerrors.ToStatusErr("validate.autowasm.wasm.tcm.io", resp.Result)
		if resp.Allowed || !apierrors.IsForbidden(err) || fluxImmutable.MatchString(err.Error()) || apierrors.IsInvalid(err) || apierrors.IsConflict(err) {
			t.Errorf("%s: %+v", reason, err)
		}
	}
}
