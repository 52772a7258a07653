// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"bytes"
	"context"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch"
	"github.com/autowasm/autowasm/fetch/module"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
	"github.com/autowasm/autowasm/fetch/serve"
	"github.com/autowasm/autowasm/fetch/store"
)

func TestPrefetch(t *testing.T) {
	named := autoWasm(func(aw *v1alpha1.AutoWasm) { aw.Status.Module = &v1alpha1.ModuleStatus{SHA256: shaA} })
	tests := []struct {
		name    string
		objects []client.Object
		prepare func(*sources)
		filled  []string
		woken   int
		again   bool
	}{
		{"no such AutoWasm", nil, nil, nil, 0, false},
		{"no module yet", []client.Object{autoWasm()}, nil, nil, 0, false},
		{"already here", []client.Object{named}, func(s *sources) { s.store[shaA] = info(shaA) }, nil, 0, false},
		{"a peer has it", []client.Object{named}, func(s *sources) { s.peers[shaA] = info(shaA) }, []string{shaA}, 1, false},
		{"no replica has it yet", []client.Object{named}, nil, []string{shaA}, 0, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newHarness(t, tt.objects...)
			if tt.prepare != nil {
				tt.prepare(h.sources)
			}
			woken := 0
			p := &prefetcher{
				cache:   cached{h},
				fetcher: h.sources,
				retries: newRetries(),
				filled:  func(types.NamespacedName) { woken++ },
			}
			result, err := p.Reconcile(t.Context(), reconcile.Request{NamespacedName: testKey})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.filled, h.sources.filled); diff != "" {
				t.Errorf("filled (-want +got):\n%s", diff)
			}
			if woken != tt.woken {
				t.Errorf("woke the reconciler %d times, want %d", woken, tt.woken)
			}
			if again := result.RequeueAfter > 0 && result.RequeueAfter < 2*firstRetry; again != tt.again {
				t.Errorf("again after %s", result.RequeueAfter)
			}
		})
	}
}

// one is a cache that holds one AutoWasm.
type one struct {
	client.Reader
	autoWasm *v1alpha1.AutoWasm
}

func (o one) Get(_ context.Context, _ client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	o.autoWasm.DeepCopyInto(into.(*v1alpha1.AutoWasm))
	return nil
}

func (o one) List(_ context.Context, into client.ObjectList, _ ...client.ListOption) error {
	if list, ok := into.(*v1alpha1.AutoWasmList); ok {
		list.Items = []v1alpha1.AutoWasm{*o.autoWasm}
	}
	return nil
}

func newStore(t *testing.T) *store.Store {
	t.Helper()
	s, err := store.Open(store.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// peerWith serves a module as another replica does.
func peerWith(t *testing.T) (url string, m module.Info) {
	t.Helper()
	s := newStore(t)
	m, err := s.Put(t.Context(), bytes.NewReader(wasmtest.Module()), "", store.Claim{})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(serve.New(serve.Options{Store: s}))
	t.Cleanup(server.Close)
	return server.URL, m
}

// TestAPrefetchFromAPeerIsCounted: what no proxy has requested yet is a fill, too.
func TestAPrefetchFromAPeerIsCounted(t *testing.T) {
	url, m := peerWith(t)
	cache := one{autoWasm: autoWasm(func(aw *v1alpha1.AutoWasm) { aw.Status.Module = &v1alpha1.ModuleStatus{SHA256: m.SHA256} })}
	fetcher := fetch.New(fetch.Options{
		Store: newStore(t), Reader: cache, Peers: func(context.Context) ([]string, error) { return []string{url}, nil },
	})
	defer fetcher.Stop()
	registry := prometheus.NewRegistry()
	if err := fetcher.Register(registry); err != nil {
		t.Fatal(err)
	}
	p := &prefetcher{cache: cache, fetcher: fetcher, retries: newRetries(), filled: func(types.NamespacedName) {}}
	if _, err := p.Reconcile(t.Context(), reconcile.Request{NamespacedName: testKey}); err != nil {
		t.Fatal(err)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	fills := map[string]float64{}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			if family.GetName() == "wasmer_module_fills_total" {
				fills[metric.GetLabel()[0].GetValue()] = metric.GetCounter().GetValue()
			}
		}
	}
	if diff := cmp.Diff(map[string]float64{"Success": 1}, fills); diff != "" {
		t.Errorf("fills (-want +got):\n%s", diff)
	}
}
