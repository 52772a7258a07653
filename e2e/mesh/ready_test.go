// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"context"
	"errors"
	"regexp"
	"testing"
	"time"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/e2e/suite"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
	"github.com/autowasm/autowasm/internal/envoy"
)

// readyTime is how long after its first answer a filter may take to be Ready: 5 seconds, and as much for a busy machine.
// Former listeners drain for 45.
const readyTime = 10 * time.Second

// TestReadySoon: a second filter on a proxy that runs another one, and its updates within the minute, are Ready soon after
// they answer, while former listeners drain. The first one's virtual machines are those of a second listener, which it
// keeps: there are as many as if it had them twice and the second filter did not start.
func TestReadySoon(t *testing.T) {
	t.Parallel()
	eachEnvoy(t, "soon", func(t *testing.T, w *Workload, v envoy.Version) {
		p := sidecar(t, w, ProxyOptions{Envoy: v})
		earth, marsx := pushModule(t, w.Name+":earth", moduleSaying(t, "earth")), pushModule(t, w.Name+":marsx", moduleSaying(t, "marsx"))
		venus := pushModule(t, w.Name+":venus", moduleSaying(t, "venus"))
		first := func(config string) autoWasm {
			return onWorkload(w, w.Name, earth, "applyPorts: [9081], config: "+config)
		}
		second := func(image, filter string) autoWasm {
			return onWorkload(w, w.Name+"-second", image, "applyPorts: [9081], priority: 1, "+filter)
		}
		url := w.URL(OtherPort)
		readySoon(t, first("grey"), url, "200 grey")
		readySoon(t, first("white"), url, "200 white")
		waitUntilDrained(t, p)
		time.Sleep(6 * time.Second) // until wasmer has scraped it; where a filter comes before, listeners have to drain again
		began := time.Now()
		readySoon(t, second(marsx, ""), url, "200 marsx,white")
		readySoon(t, second(venus, ""), url, "200 venus,white")
		readySoon(t, second(venus, "config: blue"), url, "200 blue,white")
		readySoon(t, second(marsx, "config: pink"), url, "200 pink,white")
		t.Logf("Envoy %s: four changes took %s", v, time.Since(began).Round(100*time.Millisecond))
	})
}

// readySoon applies an AutoWasm and requires that it is Ready soon after the first answer with it.
func readySoon(t *testing.T, a autoWasm, url, want string) {
	t.Helper()
	a.apply(t)
	waitForAnswer(t, url, want)
	answered := time.Now()
	requireTruth(t, a, url, want)
	if took := time.Since(answered); took > readyTime {
		t.Errorf("%s is ready with %q %s after its first answer", a.name, want, took)
	}
}

// waitUntilDrained waits until a proxy has no former listeners.
func waitUntilDrained(t *testing.T, p *Proxy) {
	t.Helper()
	suite.Eventually(t, func(ctx context.Context) error {
		stats, err := adminPage(ctx, p, "/stats?filter=^listener_manager.total_.*_draining")
		if err == nil && regexp.MustCompile(`(?m): [1-9]`).MatchString(stats) {
			return errors.New("the proxy still drains: " + stats)
		}
		return err
	})
}

// TestStartFailsWhileDraining: a filter runs twice, once in a listener that drains, and is then changed to a module that
// does not start. There are as many virtual machines as if it did.
func TestStartFailsWhileDraining(t *testing.T) {
	t.Parallel()
	eachEnvoy(t, "twice", func(t *testing.T, w *Workload, v envoy.Version) {
		sidecar(t, w, ProxyOptions{Envoy: v})
		earth := pushModule(t, w.Name+":v1", moduleSaying(t, "earth"))
		trap := pushModule(t, w.Name+":v2", wasmtest.Module(wasmtest.Export("proxy_on_vm_start", "ii:i"), wasmtest.Salt(w.Name)))
		for _, config := range []string{"red", "blue"} {
			a := onWorkload(w, w.Name, earth, "applyPorts: [9081], config: "+config)
			a.apply(t)
			requireTruth(t, a, w.URL(OtherPort), "200 "+config)
		}
		bad := onWorkload(w, w.Name, trap, "applyPorts: [9081]")
		bad.apply(t)
		waitForAnswer(t, w.URL(OtherPort), "503")
		waitSummary(t, bad, failed(v1alpha1.ReasonProxyStartFailed))
	})
}
