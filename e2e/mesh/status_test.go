// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/e2e/suite"
	"github.com/autowasm/autowasm/internal/envoy"
)

// TestReadyMeansRunning changes an AutoWasm, and whenever it is ready the next request meets the change.
func TestReadyMeansRunning(t *testing.T) {
	t.Parallel()
	for i, v := range envoy.Versions() {
		t.Run(string(v), func(t *testing.T) {
			t.Parallel()
			w := workload(t, "ready"+string(rune('a'+i)))
			sidecar(t, w, ProxyOptions{Envoy: v})
			earth := pushModule(t, w.Name+":v1", largeModuleSaying(t, "earth"))
			marsx := pushModule(t, w.Name+":v2", largeModuleSaying(t, "marsx"))
			for _, s := range []struct {
				image, filter string
				port          int
				want          string
				loads         bool
			}{
				{earth, "", OtherPort, "200 earth", true},
				{earth, "config: blue", OtherPort, "200 blue", false},
				{marsx, "", OtherPort, "200 marsx", true},
				{earth, "", OtherPort, "200 earth", false}, // as it was, and as a former listener still is
				{earth, "", InboundPort, "200 earth", false},
				{earth, "config: {value: green}, vmID: other", InboundPort, "200 green", false},
				{marsx, "config: pink", OtherPort, "200 pink", false},
			} {
				began := metav1.NewTime(time.Now().Truncate(time.Second))
				a := onWorkload(w, w.Name, s.image, fmt.Sprintf("applyPorts: [%d], %s", s.port, s.filter))
				a.apply(t)
				aw := requireTruth(t, a, w.URL(s.port), s.want)
				for _, check := range []suite.Check{summarized(running(1)), suite.Message("; 1 of 1 selected proxies run the module")} {
					if err := check(aw); err != nil {
						t.Error(err)
					}
				}
				requireRequested(t, aw.Status.Proxies, s.loads, began)
			}
		})
	}
}

// requireRequested requires that one proxy has asked for the module, since some time if it has just loaded it.
func requireRequested(t *testing.T, p *v1alpha1.ProxiesStatus, loads bool, began metav1.Time) {
	t.Helper()
	switch {
	case p == nil || p.Requested != 1 || p.LastRequestTime == nil:
		t.Errorf("nobody asked for the module: %+v", p)
	case loads && p.LastRequestTime.Before(&began), p.LastRequestTime.After(time.Now()):
		t.Errorf("the module was last asked for at %s, it was applied at %s", p.LastRequestTime, began)
	}
}
