// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"testing"
	"time"
)

// TestReadiness gives a container the results of its probes, one after the other.
func TestReadiness(t *testing.T) {
	for name, tc := range map[string]struct {
		probes string // . succeeds, x fails
		ready  bool
		next   time.Duration
	}{
		"just started":              {"", false, time.Second},
		"has not started":           {"xxxxxxxx", false, time.Second},
		"has started":               {"xx.", true, 15 * time.Second},
		"silent for 45 seconds":     {".xxx", true, 15 * time.Second},
		"silent for a minute":       {".xxxx", false, 15 * time.Second},
		"silent now and then":       {".xxx.xxx", true, 15 * time.Second},
		"ready again":               {".xxxx.", true, 15 * time.Second},
		"silent again, for as long": {".xxxx.xxx", true, 15 * time.Second},
	} {
		var r readiness
		for _, probe := range tc.probes {
			r = r.probed(probe == '.')
		}
		if r.ready != tc.ready || r.period() != tc.next {
			t.Errorf("%s: ready %t, next probe in %s", name, r.ready, r.period())
		}
	}
}
