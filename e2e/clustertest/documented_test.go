//go:build cluster

// SPDX-License-Identifier: Apache-2.0

package clustertest

import (
	"testing"

	"github.com/autowasm/autowasm/e2e/suite"
	"github.com/autowasm/autowasm/internal/doctest"
)

// TestDocumentedTutorial runs the tutorial on the cluster as it is written, in the namespace default. Its last command
// prints the answer with the header.
func TestDocumentedTutorial(t *testing.T) {
	t.Parallel()
	user := doctest.Shell{Root: inCheckout(t), Dir: inCheckout(t)}
	t.Cleanup(func() {
		ctx, cancel := suite.Detached(t)
		defer cancel()
		user.RunContext(ctx, t, doctest.Section("cluster-tutorial-end"))
	})
	user.Run(t, doctest.Section("cluster-tutorial"))
}
