// SPDX-License-Identifier: Apache-2.0

package render_test

import (
	"bytes"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

// TestDeterministic renders the same input a thousand times, from maps built in
// random order and on one and many processors: the bytes must be one.
func TestDeterministic(t *testing.T) {
	want := renderYAML(t, fullAutoWasm())
	for _, processors := range []int{1, 4} {
		previous := runtime.GOMAXPROCS(processors)
		var wait sync.WaitGroup
		for range processors {
			wait.Go(func() {
				for range 1000 / processors {
					if got := renderYAML(t, shuffled(fullAutoWasm())); !bytes.Equal(want, got) {
						t.Errorf("other bytes:\n%s", cmp.Diff(string(want), string(got)))
						return
					}
				}
			})
		}
		wait.Wait()
		runtime.GOMAXPROCS(previous)
	}
}

// shuffled reorders everything whose order means nothing.
func shuffled(aw *v1alpha1.AutoWasm) *v1alpha1.AutoWasm {
	f := &aw.Spec.Filter
	rand.Shuffle(len(f.ApplyPorts), func(i, j int) { f.ApplyPorts[i], f.ApplyPorts[j] = f.ApplyPorts[j], f.ApplyPorts[i] })
	rand.Shuffle(len(f.Env), func(i, j int) { f.Env[i], f.Env[j] = f.Env[j], f.Env[i] })
	f.Config = configJSON([]string{
		`{"z":1,"a":{"b":[1,2]},"header":"hello","value":"world"}`,
		`{ "value":"world", "header":"hello", "a":{ "b":[1,2] }, "z":1 }`,
	}[rand.IntN(2)])
	selector := map[string]v1alpha1.LabelValue{}
	keys := []string{"app", "tier", "version"}
	rand.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	for _, key := range keys {
		selector[key] = aw.Spec.Selector.MatchLabels[key]
	}
	aw.Spec.Selector.MatchLabels = selector
	return aw
}

func TestInputIsLeftAlone(t *testing.T) {
	aw := fullAutoWasm()
	before := aw.DeepCopy()
	ef := rendered(t, aw, testModule, testOptions)
	for _, path := range [][]string{{"metadata", "labels", "x"}, {"spec", "workloadSelector", "labels", "x"}} {
		if err := unstructured.SetNestedField(ef.Object, "x", path...); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(before, aw); diff != "" {
		t.Errorf("changed (-before +after):\n%s", diff)
	}
}

// TestEveryPortOnce holds for any list of ports, ordered or not, with repetitions.
func TestEveryPortOnce(t *testing.T) {
	for range 200 {
		wanted := map[uint32]bool{}
		aw := edit(func(f *v1alpha1.Filter) {
			for range rand.IntN(64) {
				port := v1alpha1.Port(1 + rand.IntN(100))
				f.ApplyPorts = append(f.ApplyPorts, port)
				wanted[uint32(port)] = true
			}
		})
		if len(wanted) == 0 {
			wanted[0] = true // one patch, without a port
		}
		checkPortsOnce(t, aw, wanted)
	}
}

func checkPortsOnce(t *testing.T, aw *v1alpha1.AutoWasm, wanted map[uint32]bool) {
	t.Helper()
	ef := typed(t, rendered(t, aw, testModule, testOptions))
	last := -1
	for _, patch := range ef.Spec.ConfigPatches {
		port := patch.GetMatch().GetListener().GetPortNumber()
		if !wanted[port] || int(port) <= last {
			t.Errorf("port %d after %d, wanted %v", port, last, wanted)
		}
		last = int(port)
	}
	if len(ef.Spec.ConfigPatches) != len(wanted) {
		t.Errorf("%d patches for %d ports", len(ef.Spec.ConfigPatches), len(wanted))
	}
}
