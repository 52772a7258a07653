package behaviour

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/e2e/suite"
)

// TestMissingSecretOfARunningModuleIsToldOf: naming a Secret that does not exist
// stops nothing, and the status says so for as long.
func TestMissingSecretOfARunningModuleIsToldOf(t *testing.T) {
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

// waitSource waits until the message of SourceResolved is as it should be, and fails
// the test when the AutoWasm is not Synced then.
func waitSource(t *testing.T, ns, name string, fits func(message string) bool) {
	t.Helper()
	suite.Eventually(t, suite.Patience, func(ctx context.Context) error {
		aw, err := cluster.AutoWasm(ctx, ns, name)
		if err != nil {
			return err
		}
		c := meta.FindStatusCondition(aw.Status.Conditions, v1alpha1.ConditionSourceResolved)
		if c == nil || !fits(c.Message) || aw.Status.Phase != v1alpha1.PhaseSynced {
			return fmt.Errorf("phase %s, SourceResolved %+v", aw.Status.Phase, c)
		}
		return nil
	})
}
