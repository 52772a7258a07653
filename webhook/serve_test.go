// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-logr/logr/funcr"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

// hooks are both webhooks as they are served, save that a panic is not hidden. Their
// API server accepts everything and keeps nothing.
func hooks() map[string]http.Handler {
	c := cluster(interceptor.Funcs{
		Create: func(context.Context, client.WithWatch, client.Object, ...client.CreateOption) error { return nil },
		Update: func(context.Context, client.WithWatch, client.Object, ...client.UpdateOption) error { return nil },
		Get: func(_ context.Context, _ client.WithWatch, _ client.ObjectKey, o client.Object, _ ...client.GetOption) error {
			o.SetAnnotations(annotated)
			return nil
		},
	})
	o := Options{Client: c, Reader: c, Fetcher: &stubFetcher{}, Render: renderOptions, Stage: true, metrics: newMetrics(prometheus.NewRegistry())}
	return map[string]http.Handler{
		MutatePath:   newWebhook(newDefaulter(o)).WithRecoverPanic(false),
		ValidatePath: newWebhook(newValidator(o)).WithRecoverPanic(false),
	}
}

// review is the body that the API server sends.
func review(t testing.TB, req admission.Request) []byte {
	t.Helper()
	return encode(t, admissionv1.AdmissionReview{
		TypeMeta: metav1.TypeMeta{APIVersion: "admission.k8s.io/v1", Kind: "AdmissionReview"},
		Request:  &req.AdmissionRequest,
	})
}

// ask posts body and returns the answer, which is one whatever the body.
func ask(t testing.TB, handler http.Handler, path string, body []byte) *admissionv1.AdmissionResponse {
	t.Helper()
	call := httptest.NewRequest(http.MethodPost, path+"?timeout=10s", bytes.NewReader(body))
	call.Header.Set("Content-Type", "application/json")
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, call)
	var answer admissionv1.AdmissionReview
	if err := json.Unmarshal(recorder.Body.Bytes(), &answer); err != nil || recorder.Code != http.StatusOK || answer.Response == nil {
		t.Fatalf("HTTP %d, %v: %s", recorder.Code, err, recorder.Body)
	}
	return answer.Response
}

func TestServeHTTPAnswersEverything(t *testing.T) {
	good := string(review(t, requestFor(t, admissionv1.Create, autoWasm())))
	tests := []struct {
		name, body string
		code       int32
		message    string
	}{
		{"empty", "", http.StatusBadRequest, "this webhook serves only AutoWasm"},
		{"broken JSON", good[:len(good)/2], http.StatusBadRequest, ""},
		{"not a review", "[]", http.StatusBadRequest, ""},
		{"no request", `{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1"}`, http.StatusBadRequest, "this webhook serves only AutoWasm"},
		{"a null request", `{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":null}`, http.StatusBadRequest, "this webhook serves only AutoWasm"},
		// controller-runtime reads any version and kind of a review as the one it knows.
		{"another version", strings.Replace(good, "admission.k8s.io/v1", "admission.k8s.io/v9", 1), http.StatusOK, ""},
		{"another type", strings.Replace(good, "AdmissionReview", "Pod", 1), http.StatusOK, ""},
		{"kind and object disagree", strings.Replace(good, `"kind":"AutoWasm"},"resource"`, `"kind":"Pod"},"resource"`, 1), http.StatusBadRequest, "this webhook serves only AutoWasm"},
		{"no object", strings.Replace(good, `"object":`, `"objekt":`, 1), http.StatusBadRequest, ""},
		{"7 MiB", good + strings.Repeat(" ", 7<<20), http.StatusRequestEntityTooLarge, "request entity is too large"},
		{"deeply nested", strings.Replace(good, `"spec":{`, `"spec":{"x":`+strings.Repeat("[", 20000)+strings.Repeat("]", 20000)+",", 1), http.StatusBadRequest, ""},
	}
	for path, handler := range hooks() {
		for _, tt := range tests {
			t.Run(path+" "+tt.name, func(t *testing.T) {
				resp := ask(t, handler, path, []byte(tt.body))
				if resp.Allowed != (tt.code == http.StatusOK) || resp.Result.Code != tt.code || !strings.Contains(resp.Result.Message, tt.message) {
					t.Errorf("allowed %v, %+v, want %d %s", resp.Allowed, resp.Result, tt.code, tt.message)
				}
			})
		}
	}
}

func TestServeHTTPAnswersTheAPIServer(t *testing.T) {
	req := requestFor(t, admissionv1.Create, autoWasm(withPorts()))
	for version := range map[string]bool{"admission.k8s.io/v1": true, "admission.k8s.io/v1beta1": true} {
		body := bytes.Replace(review(t, req), []byte("admission.k8s.io/v1"), []byte(version), 1)
		mutated, validated := ask(t, hooks()[MutatePath], MutatePath, body), ask(t, hooks()[ValidatePath], ValidatePath, body)
		if !mutated.Allowed || mutated.UID != req.UID || mutated.PatchType == nil || string(mutated.Patch) != "["+addPorts+"]" {
			t.Errorf("%s: mutating answer = %+v, patch %s", version, mutated, mutated.Patch)
		}
		if !validated.Allowed || validated.UID != req.UID || validated.PatchType != nil || validated.AuditAnnotations[auditEnvoyFilter] != "Staged" {
			t.Errorf("%s: validating answer = %+v", version, validated)
		}
	}
}

// No body makes either webhook panic, or answer what the API server cannot use.
func FuzzServeHTTP(f *testing.F) {
	for _, req := range []admission.Request{
		requestFor(f, admissionv1.Create, autoWasm()),
		requestFor(f, admissionv1.Create, autoWasm(address("https://x"))),
		requestFor(f, admissionv1.Create, autoWasm(withConfig, withSource(fromConfigMap("a", "b")))),
		requestFor(f, admissionv1.Delete, autoWasm()),
		updateRequest(f, autoWasm(), autoWasm(withPorts(80))),
		rawRequest(admissionv1.Create, []byte(bareRaw)),
	} {
		f.Add(review(f, req))
	}
	handlers := hooks()
	f.Fuzz(func(t *testing.T, body []byte) {
		validated := ask(t, handlers[ValidatePath], ValidatePath, body)
		if validated.Patch != nil || validated.PatchType != nil {
			t.Errorf("the validating webhook answered a patch: %s", validated.Patch)
		}
		checkMutation(t, body, ask(t, handlers[MutatePath], MutatePath, body))
	})
}

// checkMutation holds an answer to the rules: a patch that applies, of additions.
func checkMutation(t *testing.T, body []byte, resp *admissionv1.AdmissionResponse) {
	t.Helper()
	if (resp.Patch == nil) != (resp.PatchType == nil) {
		t.Errorf("patch %s with the type %v", resp.Patch, resp.PatchType)
	}
	if resp.Patch == nil {
		return
	}
	var asked struct {
		Request struct {
			UID    types.UID
			Object json.RawMessage
		}
	}
	answered := admission.Response{AdmissionResponse: *resp}
	if json.Unmarshal(body, &asked) != nil || json.Unmarshal(resp.Patch, &answered.Patches) != nil {
		t.Fatalf("a patch %s for what is no request", resp.Patch)
	}
	applyPatch(t, string(asked.Request.Object), answered)
}

// Whoever reaches the port cannot fill the log.
func TestBadRequestsAreLoggedToALimit(t *testing.T) {
	var lines int
	base := funcr.New(func(string, string) { lines++ }, funcr.Options{})
	loggers := limitedLog(rate.NewLimiter(0, 3))
	for range 100 {
		loggers(base, nil).Error(nil, "bad request")
	}
	if lines != 3 {
		t.Errorf("%d lines for 100 bad requests", lines)
	}
	loggers(base, &admission.Request{}).Info("a request")
	if lines != 4 {
		t.Error("a request that is one is not logged")
	}
}
