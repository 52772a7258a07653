// SPDX-License-Identifier: Apache-2.0

package certificates

import (
	"testing"
	"time"

	"github.com/autowasm/autowasm/e2e/env"
)

// TestSelfManagedUnderLoad proves invariant 9 for certificates of wasmer's own authority.
func TestSelfManagedUnderLoad(t *testing.T) {
	reset(t)
	r := newReplicas()
	began := time.Now()
	r.start(t, func(int) []string { return []string{"--webhook-url=" + r[0].WebhookURL} })(t)
	t.Logf("ready and called %s after the start", time.Since(began).Round(time.Millisecond))
	r.checkExpiry(t, expiryOfServed(t), certificateOf(current(t, ownCA)).NotAfter)
	underLoad(t, r, []scenario{
		{"deletion of the CA's Secret", func(t *testing.T) {
			before := current(t, ownCA)
			remove(t, ownCA)
			after := changed(t, before)
			waitInjected(t, after)
			r.waitServe(t, isSignedBy(after))
		}},
	})
}

// expiryOfServed reads the certificate that a replica has in its memory alone.
func expiryOfServed(t *testing.T) func(*env.Wasmer) time.Time {
	return func(w *env.Wasmer) time.Time {
		leaf, err := served(t.Context(), w)
		if err != nil {
			t.Fatal(err)
		}
		return leaf.NotAfter
	}
}
