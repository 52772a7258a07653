// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/e2e/suite"
)

// TestAProxyThatRestarts soon after its filter changed: once is in the status, and in an Event. When it does so again, the
// AutoWasm is not ready, though another proxy runs the filter, until the filter changes.
func TestAProxyThatRestarts(t *testing.T) {
	t.Parallel()
	first, second := member(t, "falls", "falling"), member(t, "stands", "falling")
	p := sidecar(t, first, ProxyOptions{})
	sidecar(t, second, ProxyOptions{})
	image := pushModule(t, "falling:v1", moduleSaying(t, "earth"))
	a := autoWasm{name: "falling", selector: "{matchLabels: {club: falling}}", image: image, filter: "applyPorts: [9081]"}
	a.apply(t)
	requireTruth(t, a, first.URL(OtherPort), "200 earth")

	kill(t, p)
	restart(t, p)
	waitRestarted(t, a, running(2), 1, "2 of 2 selected proxies run the module; the proxy of Pod default/falls-1 restarted ", "after the filter changed")
	requireAnswer(t, first.URL(OtherPort), "200 earth")
	requireWarnings(t, a.name, v1alpha1.ReasonProxyRestarted)

	goesOn := failed(v1alpha1.ReasonProxyRestarted)
	goesOn.Selected, goesOn.Running = 2, 1
	const words = "1 of 2 selected proxies run the module; the proxy of Pod default/falls-1 restarts again and again"
	kill(t, p)
	waitRestarted(t, a, goesOn, 1, words)
	restart(t, p)
	suite.Never(t, 10*time.Second, "a proxy that has just ended again counts as well", func(ctx context.Context) error {
		aw, err := cluster.AutoWasm(ctx, namespace, a.name)
		if err == nil && !saysReady(aw) {
			err = errors.New("it is not ready")
		}
		return err
	})
	waitRestarted(t, a, goesOn, 1, words)

	a.filter += ", priority: 7"
	a.apply(t)
	waitRestarted(t, a, running(2), 0)
	requireAnswer(t, first.URL(OtherPort), "200 earth")
}

// waitRestarted waits until the status has a summary, and so many restarts.
func waitRestarted(t *testing.T, a autoWasm, want summary, restarted int32, words ...string) {
	t.Helper()
	cluster.WaitFor(t, a.space(), a.name, summarized(want), suite.Message(words...), func(aw *v1alpha1.AutoWasm) error {
		if aw.Status.Proxies.Restarted != restarted {
			return fmt.Errorf("%d proxies restarted, want %d", aw.Status.Proxies.Restarted, restarted)
		}
		return nil
	})
}

// kill ends a proxy as a crash would.
func kill(t *testing.T, p *Proxy) {
	t.Helper()
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
}

func restart(t *testing.T, p *Proxy) {
	t.Helper()
	if err := p.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
}
