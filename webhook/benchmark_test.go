// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/prometheus/client_golang/prometheus"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	apilabels "k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch"
	imageformat "github.com/autowasm/autowasm/fetch/image"
	"github.com/autowasm/autowasm/fetch/module"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
	"github.com/autowasm/autowasm/fetch/source"
	"github.com/autowasm/autowasm/fetch/store"
	"github.com/autowasm/autowasm/internal/egress"
	"github.com/autowasm/autowasm/preflight"
	"github.com/autowasm/autowasm/trial"
)

// noOp is the least that a controller-runtime webhook can do.
var noOp = admission.HandlerFunc(func(context.Context, admission.Request) admission.Response { return admission.Allowed("") })

// BenchmarkAdmissionCached compares an admission whose module is in the store with
// a no-op webhook, over TLS, in turns. Generation is left out: its time is the API
// server's. The ratio of the medians is to stay below 2.
func BenchmarkAdmissionCached(b *testing.B) {
	aw, fetcher := cached(b)
	compare(b, validatorOf(fetcher, nil), noOp, sized(b, aw))
}

// BenchmarkAdmissionTried compares an admission whose module was tried before with one that tries none. The ratio is to stay
// below 1.05.
func BenchmarkAdmissionTried(b *testing.B) {
	aw, fetcher := cached(b)
	path := filepath.Join(b.TempDir(), "module")
	if err := os.WriteFile(path, wasmtest.Module(), 0o600); err != nil {
		b.Fatal(err)
	}
	trials := trial.New(trial.Options{Open: func(string) (*os.File, error) { return os.Open(path) }})
	b.Cleanup(trials.Stop)
	compare(b, validatorOf(fetcher, trials), validatorOf(fetcher, nil), sized(b, aw))
}

// BenchmarkAdmissionValidated compares an admission that validates a configuration of twenty fields by the schema in its module
// with one that reads no schema: 0.13 ms of reading and compiling.
func BenchmarkAdmissionValidated(b *testing.B) {
	fields, values := `"keys":{"type":"array"}`, `"keys":[]`
	for i := range 20 {
		fields += fmt.Sprintf(`,"field%d":{"type":"string","description":"What the field is for, in a line of words.","minLength":2,"pattern":"^[a-z-]+$"}`, i)
		values += fmt.Sprintf(`,"field%d":"some-value"`, i)
	}
	wasm := wasmtest.Module(wasmtest.Custom(module.SchemaSection, []byte(`{"type":"object","required":["keys"],"properties":{`+fields+`}}`)))
	aw, fetcher, kept := cachedModule(b, wasm)
	configured("{" + values + "}")(aw)
	validated := validatorOf(fetcher, nil)
	validated.schema.schemas = kept
	compare(b, validated, validatorOf(fetcher, nil), sized(b, aw))
}

// cached returns an AutoWasm, and a fetcher from whose registry its module can be had.
func cached(b *testing.B) (*v1alpha1.AutoWasm, *fetch.Fetcher) {
	aw, fetcher, _ := cachedModule(b, wasmtest.Module())
	return aw, fetcher
}

// cachedModule is cached with that module, and the store of the fetcher.
func cachedModule(b *testing.B, wasm []byte) (*v1alpha1.AutoWasm, *fetch.Fetcher, *store.Store) {
	b.Helper()
	images := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	b.Cleanup(images.Close)
	host := strings.TrimPrefix(images.URL, "http://")
	aw := autoWasm(withSource(fromRegistry(host + "/wasm-add-header:v0.3")))
	push(b, aw.Spec.Filter.Source.Registry.Image, wasm)
	fetcher, kept := newFetcher(b, host)
	return aw, fetcher, kept
}

// validatorOf is a validator that stages nothing.
func validatorOf(fetcher Fetcher, trials Trials) *validator {
	c := cluster(interceptor.Funcs{})
	v := newValidator(Options{Client: c, Reader: c, Fetcher: fetcher, Trials: trials, Preflight: busy(), metrics: newMetrics(prometheus.NewRegistry())})
	v.stage = new(stagings).record
	return v
}

// BenchmarkAdmissionDefault is the same for the mutating webhook: a namespace from
// the cache, and a patch.
func BenchmarkAdmissionDefault(b *testing.B) {
	c := clientWith(interceptor.Funcs{Get: fromCache})
	d := newDefaulter(Options{Client: c, Reader: c, metrics: newMetrics(prometheus.NewRegistry())})
	compare(b, d, noOp, sized(b, autoWasm(filter(unsetVMID), withPorts())))
}

// fromCache costs what a read from a cache does; the fake's own goes through JSON.
func fromCache(_ context.Context, _ client.WithWatch, _ client.ObjectKey, o client.Object, _ ...client.GetOption) error {
	o.SetAnnotations(maps.Clone(annotated))
	return nil
}

func push(b *testing.B, reference string, module []byte) {
	b.Helper()
	img, err := imageformat.Binary(module, "0.2.1")
	if err != nil {
		b.Fatal(err)
	}
	tag, err := name.ParseReference(reference, name.Insecure)
	if err != nil {
		b.Fatal(err)
	}
	if err := remote.Write(tag, img); err != nil {
		b.Fatal(err)
	}
}

// newFetcher is the real one, over a store on disk.
func newFetcher(b *testing.B, host string) (*fetch.Fetcher, *store.Store) {
	b.Helper()
	modules, err := store.Open(store.Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	return fetch.New(fetch.Options{Store: modules, Sources: source.New(source.Options{
		PlainHTTPHosts: []string{host},
		Guard:          egress.Options{AllowLoopback: true},
	})}), modules
}

// sized is the request for aw with all that the API server sends along.
func sized(b *testing.B, aw *v1alpha1.AutoWasm) []byte {
	b.Helper()
	aw.UID, aw.CreationTimestamp = "705ab4f5-6393-11e8-b7cc-42010a800002", metav1.Unix(1, 0)
	raw := encode(b, aw)
	aw.Annotations = map[string]string{"kubectl.kubernetes.io/last-applied-configuration": string(raw)}
	aw.ManagedFields = []metav1.ManagedFieldsEntry{{
		Manager: "kubectl-client-side-apply", Operation: metav1.ManagedFieldsOperationUpdate, APIVersion: "wasm.tcm.io/v1alpha1",
		FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1(`{"f:metadata":{"f:annotations":{".":{},"f:kubectl.kubernetes.io/last-applied-configuration":{}}},"f:spec":{".":{},"f:filter":{".":{},"f:applyPorts":{},"f:rootID":{},"f:source":{".":{},"f:registry":{".":{},"f:image":{}}},"f:vmID":{}},"f:secret":{},"f:selector":{".":{},"f:matchLabels":{".":{},"f:app":{}}}}}`),
	}}
	return review(b, requestFor(b, admissionv1.Create, aw))
}

// compare calls the webhook and another in turns, and reports both medians and their
// ratio.
func compare(b *testing.B, handler, other admission.Handler, body []byte) {
	b.Helper()
	ours, theirs := serveTLS(b, handler), serveTLS(b, other)
	for range 200 {
		ours.call(b, body)
		theirs.call(b, body)
	}
	ours.took, theirs.took = nil, nil
	for b.Loop() {
		ours.call(b, body)
		theirs.call(b, body)
	}
	a, z := median(ours.took), median(theirs.took)
	b.ReportMetric(float64(a.Microseconds()), "µs/admission")
	b.ReportMetric(float64(z.Microseconds()), "µs/other")
	b.ReportMetric(float64(a)/float64(z), "ratio")
}

// endpoint is a webhook served as a manager does, and a client like the API server:
// HTTP/1.1 over one connection.
type endpoint struct {
	server *httptest.Server
	took   []time.Duration
}

func serveTLS(b *testing.B, handler admission.Handler) *endpoint {
	b.Helper()
	served, err := admission.StandaloneWebhook(newWebhook(handler), admission.StandaloneOptions{MetricsPath: fmt.Sprintf("/%s/%p", b.Name(), handler)})
	if err != nil {
		b.Fatal(err)
	}
	server := httptest.NewTLSServer(served)
	b.Cleanup(server.Close)
	return &endpoint{server: server}
}

func (e *endpoint) call(b *testing.B, body []byte) {
	start := time.Now()
	resp, err := e.server.Client().Post(e.server.URL+"?timeout=10s", "application/json", bytes.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	raw, err := io.ReadAll(resp.Body)
	e.took = append(e.took, time.Since(start))
	_ = resp.Body.Close()
	var answer admissionv1.AdmissionReview
	if err != nil || resp.StatusCode != http.StatusOK || json.Unmarshal(raw, &answer) != nil || !answer.Response.Allowed || len(answer.Response.Warnings) > 0 {
		b.Fatalf("HTTP %d, %v: %s", resp.StatusCode, err, raw)
	}
}

func median(took []time.Duration) time.Duration {
	slices.Sort(took)
	return took[len(took)/2]
}

// namespaceCache is a cache of one namespace, whose objects it does not copy.
type namespaceCache struct {
	client.Reader
	pods     []corev1.Pod
	services []corev1.Service
}

func (n namespaceCache) List(_ context.Context, into client.ObjectList, o ...client.ListOption) error {
	var options client.ListOptions
	options.ApplyOptions(o)
	switch list := into.(type) {
	case *corev1.PodList:
		var found []*corev1.Pod // whose number is known before they are put into the list
		for i := range n.pods {
			if options.LabelSelector.Matches(apilabels.Set(n.pods[i].Labels)) {
				found = append(found, &n.pods[i])
			}
		}
		list.Items = make([]corev1.Pod, len(found))
		for i, pod := range found {
			list.Items[i] = *pod
		}
	case *corev1.ServiceList:
		list.Items = n.services
	}
	return nil
}

// busy is the preflight of an admission in a namespace of 20 workloads with 10
// Pods each, in which nothing is wrong with the sample.
func busy() *preflight.Loader {
	n := namespaceCache{}
	for i := range 20 {
		app := map[string]string{"app": "details"}
		if i > 0 {
			app["app"] = fmt.Sprint("app-", i)
		}
		for range 10 {
			n.pods = append(n.pods, corev1.Pod{
				ObjectMeta: metav1.ObjectMeta{Labels: app},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app"}, {Name: "istio-proxy"}}},
			})
		}
		n.services = append(n.services, corev1.Service{Spec: corev1.ServiceSpec{
			Selector: app, Ports: []corev1.ServicePort{{Name: "http", Port: 80, TargetPort: intstr.FromInt32(9080)}},
		}})
	}
	kinds := preflight.NewKinds(preflight.Pods.WithVersion("v1"), preflight.Services.WithVersion("v1"))
	return &preflight.Loader{Reader: n, Kinds: kinds, Options: preflight.Options{RootNamespace: "istio-system"}}
}
