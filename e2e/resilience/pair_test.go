// SPDX-License-Identifier: Apache-2.0

package resilience

import (
	"slices"
	"testing"

	"github.com/autowasm/autowasm/e2e/env"
)

// pair is two replicas behind one address, as the Deployment makes them.
type pair struct {
	*forwarder
	first, second *env.Wasmer
	flags         []string
}

// startPair restarts wasmer as the first of two replicas. After the test wasmer is
// alone again and has its own flags back.
func startPair(t *testing.T, flags ...string) *pair {
	t.Helper()
	f := newForwarder(t)
	p := &pair{forwarder: f, first: cluster.Wasmer(), second: cluster.NewWasmer("second"),
		flags: append(flags, "--webhook-url="+f.URL)}
	restartAfter(t)
	f.add(p.first)
	restart(t, p.flags...)
	holder(t) // the first one, while there is no other
	p.start(t, p.second)
	t.Cleanup(func() {
		if err := p.second.Stop(); err != nil {
			t.Errorf("stop the second replica: %v", err)
		}
	})
	f.add(p.second)
	f.waitReady(t, p.second)
	return p
}

func (p *pair) start(t *testing.T, w *env.Wasmer) {
	t.Helper()
	if err := w.Start(t.Context(), slices.Clone(p.flags)...); err != nil {
		t.Fatalf("start %s: %v", w.Name, err)
	}
}
