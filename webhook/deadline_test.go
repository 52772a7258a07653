// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	admissionv1 "k8s.io/api/admission/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/autowasm/autowasm/fetch"
)

// slowBody takes a time before it can be read.
type slowBody struct {
	*bytes.Reader
	wait time.Duration
}

func (b *slowBody) Read(p []byte) (int, error) {
	time.Sleep(b.wait)
	b.wait = 0
	return b.Reader.Read(p)
}

// TestTheAnswerComesInTime: whatever takes long, from the call's body to the write of the EnvoyFilter, the API server has an
// answer while it waits, and the trial, which is advice, leaves time for the EnvoyFilter.
func TestTheAnswerComesInTime(t *testing.T) {
	slow := func(take time.Duration) func(context.Context) (fetch.Module, error) {
		return func(context.Context) (fetch.Module, error) {
			time.Sleep(take)
			return prepared, nil
		}
	}
	for name, tt := range map[string]struct {
		timeout, body, fetch, schema, write time.Duration
		staged                              bool
	}{
		"all at once":          {10 * time.Second, 0, 0, 0, 0, true},
		"a slow source":        {10 * time.Second, 0, DefaultBudget, 0, time.Second, true},
		"a slow call":          {10 * time.Second, 3 * time.Second, DefaultBudget, 0, time.Second, true},
		"a short timeout":      {5 * time.Second, time.Second, time.Second, 0, 500 * time.Millisecond, true},
		"a shorter timeout":    {2 * time.Second, 0, 500 * time.Millisecond, 0, 100 * time.Millisecond, true},
		"a schema without end": {10 * time.Second, 3 * time.Second, DefaultBudget, time.Hour, time.Second, true},
		"a write without end":  {10 * time.Second, 3 * time.Second, DefaultBudget, 0, time.Hour, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				staged := false
				c := cluster(interceptor.Funcs{Create: func(ctx context.Context, _ client.WithWatch, _ client.Object, _ ...client.CreateOption) error {
					select {
					case <-time.After(tt.write):
						staged = true
					case <-ctx.Done():
					}
					return ctx.Err()
				}})
				o := Options{Client: c, Reader: c, Fetcher: &stubFetcher{ensure: slow(tt.fetch)}, Schemas: slowSchemas{stubSchemas{schema: keySchema}, tt.schema}, Trials: &stubTrials{after: time.Hour}, Render: renderOptions, Stage: true, metrics: newMetrics(prometheus.NewRegistry())}
				body := &slowBody{bytes.NewReader(review(t, requestFor(t, admissionv1.Create, autoWasm(configured(`{"keys":[]}`))))), tt.body}
				call := httptest.NewRequest(http.MethodPost, ValidatePath+"?timeout="+tt.timeout.String(), body)
				call.Header.Set("Content-Type", "application/json")
				recorder, began := httptest.NewRecorder(), time.Now()
				newWebhook(newValidator(o)).ServeHTTP(recorder, call)
				took := time.Since(began)
				var answer admissionv1.AdmissionReview
				if err := json.Unmarshal(recorder.Body.Bytes(), &answer); err != nil || answer.Response == nil || !answer.Response.Allowed {
					t.Fatalf("%v: %s", err, recorder.Body)
				}
				if took > tt.timeout-responseReserve || staged != tt.staged {
					t.Errorf("answered after %s of %s, staged %v, want %v", took, tt.timeout, staged, tt.staged)
				}
				time.Sleep(tt.schema) // what goes on without the admission ends
			})
		})
	}
}
