// SPDX-License-Identifier: Apache-2.0

package resilience

import (
	"testing"
	"time"

	"github.com/autowasm/autowasm/e2e/env"
)

// drainDelay is the default of wasmer, in force as in a cluster: more than the 5 s
// after which http.Server, shutting down, takes a connection that never had a request
// for idle, and the time that the forwarder takes to notice. Before, the server drops
// the first request of such a connection, and an API server keeps some in reserve.
const drainDelay = "10s"

// TestRollingRestartUnderLoad proves invariant 9 for rolling restarts: both replicas
// are replaced, one after the other, and no admission fails.
func TestRollingRestartUnderLoad(t *testing.T) {
	ns := cluster.Namespace(t)
	ref, _ := pushed(t, "rolling:v1")
	p := startPair(t, "--shutdown-delay="+drainDelay)
	load := cluster.StartTraffic(t, ns, ref)
	time.Sleep(time.Second)
	p.roll(t, p.second)
	p.roll(t, p.first)
	time.Sleep(time.Second)
	load.Stop(t)
}

// roll restarts a replica as a rolling update does: told to end, waited for, and
// ready again before the next one's turn.
func (p *pair) roll(t *testing.T, w *env.Wasmer) {
	t.Helper()
	if err := w.Stop(); err != nil {
		t.Fatalf("stop %s: %v", w.Name, err)
	}
	p.start(t, w)
	p.waitReady(t, w)
}
