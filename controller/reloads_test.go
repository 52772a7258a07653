package controller

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"
)

func TestReloadDelays(t *testing.T) {
	r, now := reloads{}, testTime
	var delays []time.Duration
	for range 9 {
		if !r.due(testKey, now) || !r.take(testKey, now) {
			t.Fatalf("not due after %v", delays)
		}
		next := r[testKey].next
		if r.due(testKey, next.Add(-1)) || r.take(testKey, next.Add(-1)) {
			t.Errorf("due before %s", next)
		}
		delays = append(delays, next.Sub(now))
		now = next
	}
	want := []time.Duration{20, 40, 80, 160, 320, 600, 600, 600, 600}
	for i := range want {
		want[i] *= time.Second
	}
	if diff := cmp.Diff(want, delays); diff != "" {
		t.Errorf("delays (-want +got):\n%s", diff)
	}
	if other := (types.NamespacedName{Name: "other"}); !r.due(other, now) || len(r) != 1 {
		t.Errorf("one AutoWasm waits for another: %v", r)
	}
	r.forget(testKey)
	if len(r) != 0 || !r.take(testKey, now) || r[testKey].delay != firstReload {
		t.Errorf("not forgotten: %v", r)
	}
}
