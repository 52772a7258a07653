// SPDX-License-Identifier: Apache-2.0

package behaviour

import (
	"testing"
	"time"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/e2e/suite"
)

// TestReconcileNow: an AutoWasm is reconciled when its annotation asks for that, each time with another value, and says so.
func TestReconcileNow(t *testing.T) {
	t.Parallel()
	ns := cluster.Namespace(t)
	ref, _ := pushed(t, "now:v1")
	synced(t, ns, suite.Manifest{Name: "now", Source: suite.Image(ref)})
	for _, at := range []string{time.Now().Format(time.RFC3339), "once more"} {
		for _, args := range [][]string{
			{"annotate", "aw", "now", "-n", ns, "--overwrite", v1alpha1.AnnotationRequestedAt + "=" + at},
			{"wait", "aw", "now", "-n", ns, "--for=jsonpath={.status.lastHandledReconcileAt}=" + at, "--timeout=20s"},
		} {
			if _, err := cluster.Kubectl(t.Context(), args...); err != nil {
				t.Fatal(err)
			}
		}
	}
}
