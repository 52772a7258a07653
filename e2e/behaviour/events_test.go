// SPDX-License-Identifier: Apache-2.0

package behaviour

import (
	"context"
	"encoding/base64"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/e2e/suite"
)

// TestEvents proves invariants 3 and 6: kubectl get events tells the way of an
// AutoWasm whose pull secret is missing, then wrong, then right, and no credential
// is seen in it, nor anywhere else that wasmer writes to.
func TestEvents(t *testing.T) {
	t.Parallel()
	ns := cluster.Namespace(t)
	ref := pushedPrivately(t, "events/filter:v1")
	wrong := map[string]suite.Login{cluster.PrivateRegistry: mallory}
	right := map[string]suite.Login{cluster.PrivateRegistry: cluster.Login()}

	cluster.Apply(t, ns, suite.Manifest{Name: "told", Source: suite.Image(ref), Secret: "pull"}.String())
	cluster.WaitPhase(t, ns, "told", v1alpha1.PhasePending)
	secret := cluster.Secret(t, ns, "pull", corev1.SecretTypeDockerConfigJson, suite.DockerConfigJSON(t, wrong))
	cluster.WaitPhase(t, ns, "told", v1alpha1.PhaseFailed)
	secret.Data = suite.DockerConfigJSON(t, right)
	if err := cluster.Client.Update(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	cluster.WaitPhase(t, ns, "told", v1alpha1.PhaseSynced)

	requireEvents(t, ns, `Warning\s+SecretNotFound\s+autowasm/told\s.*`+ns+`/pull`,
		`Warning\s+Unauthorized\s+autowasm/told\s.*`+regexp.QuoteMeta(cluster.PrivateRegistry),
		`Normal\s+Synced\s+autowasm/told\s.*sha256:[0-9a-f]{64}`)
	requireNoCredentials(t, "the Events", kubectl(t, "get", "events", "-n", ns, "-o", "yaml"))
	requireNoCredentials(t, "the AutoWasm", kubectl(t, "get", "autowasms", "-n", ns, "-o", "yaml"))
	requireNoCredentials(t, "the EnvoyFilter", kubectl(t, "get", "envoyfilters", "-n", ns, "-o", "yaml"))
	requireNoCredentials(t, "wasmer's log", string(read(t, filepath.Join(cluster.Dir, "log", "wasmer.log"))))
}

// requireEvents waits until kubectl get events prints a line for each pattern:
// Events are written in the background.
func requireEvents(t *testing.T, ns string, patterns ...string) {
	t.Helper()
	suite.Eventually(t, func(ctx context.Context) error {
		out, err := cluster.Kubectl(ctx, "get", "events", "-n", ns)
		if err != nil {
			return err
		}
		for _, pattern := range patterns {
			if !regexp.MustCompile(pattern).MatchString(out.Stdout) {
				return fmt.Errorf("no Event matches %s:\n%s", pattern, out.Stdout)
			}
		}
		return nil
	})
}

// requireNoCredentials fails the test when a password is in a text, as it is or as
// registries are sent it.
func requireNoCredentials(t *testing.T, where, text string) {
	t.Helper()
	for _, login := range []suite.Login{mallory, cluster.Login()} {
		encoded := base64.StdEncoding.EncodeToString([]byte(login.Username + ":" + login.Password))
		if strings.Contains(text, login.Password) || strings.Contains(text, encoded) {
			t.Errorf("%s shows the password of %s:\n%s", where, login.Username, text)
		}
	}
}
