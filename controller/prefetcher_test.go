package controller

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/autowasm/autowasm/api/v1alpha1"
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
