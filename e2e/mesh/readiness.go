// SPDX-License-Identifier: Apache-2.0

package mesh

import "time"

// The probes of a proxy's container, with the numbers of Istio's sidecar injector: in its chart istio-discovery,
// files/injection-template.yaml with the defaults of values.yaml. The startup probe is asked until it first succeeds, and
// from then on the readiness probe. A gateway's container has the readiness probe alone; it is given both here, so that
// it is ready soon. That a kubelet starts a container anew after 600 failures of its startup probe is left out.
const (
	startupPeriod     = time.Second
	readinessPeriod   = 15 * time.Second
	readinessFailures = 4 // in a row, that make the container unready
	probeTimeout      = 3 * time.Second
)

// readiness is what the results of its probes make of a container. The zero value is that of one that has just started.
type readiness struct {
	started  bool
	ready    bool
	failures int // of the readiness probe, in a row
}

// period is the time until the next probe.
func (r readiness) period() time.Duration {
	if r.started {
		return readinessPeriod
	}
	return startupPeriod
}

// probed is the readiness after one more probe.
func (r readiness) probed(succeeded bool) readiness {
	switch {
	case succeeded:
		return readiness{started: true, ready: true}
	case r.started:
		r.failures++
		r.ready = r.ready && r.failures < readinessFailures
	}
	return r
}
