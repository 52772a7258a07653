// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/autowasm/autowasm/render"
)

// testManager is never started: nothing is asked of its API server.
func testManager(t *testing.T) ctrl.Manager {
	t.Helper()
	mgr, err := ctrl.NewManager(&rest.Config{Host: "http://127.0.0.1:1"}, ctrl.Options{
		Metrics: server.Options{BindAddress: "0"},
		MapperProvider: func(*rest.Config, *http.Client) (meta.RESTMapper, error) {
			mapper := meta.NewDefaultRESTMapper(nil)
			mapper.Add(corev1.SchemeGroupVersion.WithKind("Namespace"), meta.RESTScopeRoot)
			return mapper, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return mgr
}

func TestSetupWithManager(t *testing.T) {
	mgr := testManager(t)
	o := Options{Fetcher: &stubFetcher{}, Render: renderOptions, SourceCheck: Off, metrics: newMetrics(prometheus.NewRegistry())}
	if err := SetupWithManager(mgr, o); err != nil {
		t.Fatal(err)
	}
	mux := mgr.GetWebhookServer().WebhookMux()
	bad := review(t, requestFor(t, admissionv1.Create, autoWasm(withPorts(0))))
	if resp := ask(t, mux, MutatePath, bad); !resp.Allowed {
		t.Errorf("%s denied: %+v", MutatePath, resp.Result)
	}
	if resp := ask(t, mux, ValidatePath, bad); resp.Allowed {
		t.Errorf("%s allowed an invalid object", ValidatePath)
	}
}

func TestSetupRefusesWhatCannotBeRendered(t *testing.T) {
	err := SetupWithManager(testManager(t), Options{Render: render.Options{Cluster: "c", BaseURL: "wasmer:8081"}, metrics: newMetrics(prometheus.NewRegistry())})
	if err == nil || !strings.Contains(err.Error(), "set Options.BaseURL") {
		t.Errorf("error = %v, want one that says what to set", err)
	}
}
