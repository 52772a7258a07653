// SPDX-License-Identifier: Apache-2.0

package behaviour

import (
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/e2e/suite"
)

// TestMissingSecretOfARunningModuleIsReported: naming a Secret that does not exist
// stops nothing, and the status says so for as long.
func TestMissingSecretOfARunningModuleIsReported(t *testing.T) {
	t.Parallel()
	ns := cluster.Namespace(t)
	ref, _ := pushed(t, "missingsecret:v1")
	synced(t, ns, suite.Manifest{Name: "runs", Source: suite.Image(ref)})
	synced(t, ns, suite.Manifest{Name: "runs", Source: suite.Image(ref), Secret: "absent"})
	const words = "Secret absent does not exist"
	waitSource(t, ns, "runs", func(message string) bool { return strings.Contains(message, words) })
	cluster.PullSecret(t, ns, "absent", cluster.PrivateRegistry, cluster.PrivateRegistryUsername, cluster.PrivateRegistryPassword)
	waitSource(t, ns, "runs", func(message string) bool { return !strings.Contains(message, words) })
}

// waitSource waits until an AutoWasm is Synced with the message of SourceResolved as
// it should be.
func waitSource(t *testing.T, ns, name string, fits func(message string) bool) {
	t.Helper()
	cluster.WaitFor(t, ns, name, suite.Observed, suite.Phase(v1alpha1.PhaseSynced), func(aw *v1alpha1.AutoWasm) error {
		c := meta.FindStatusCondition(aw.Status.Conditions, v1alpha1.ConditionSourceResolved)
		if c == nil || !fits(c.Message) {
			return fmt.Errorf("SourceResolved is %+v", c)
		}
		return nil
	})
}
