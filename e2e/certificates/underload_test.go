// SPDX-License-Identifier: Apache-2.0

package certificates

import (
	"testing"
	"time"
)

// A scenario is what happens to certificates.
type scenario struct {
	name string
	// happen brings it about and returns once its effect is complete.
	happen func(t *testing.T)
}

// underLoad has scenarios happen one after the other. None may fail an admission, nor a handshake with the caBundle that
// was in force a moment before.
func underLoad(t *testing.T, r replicas, scenarios []scenario) {
	image := pushed(t, "certificates:v1")
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			load := cluster.StartTraffic(t, cluster.Namespace(t), image)
			shakes := cluster.StartHandshakes(t, r.webhooks()...)
			began := time.Now()
			s.happen(t)
			t.Logf("complete after %s", time.Since(began).Round(time.Millisecond))
			time.Sleep(time.Second)
			shakes.Stop(t)
			load.Stop(t)
		})
	}
}
