// SPDX-License-Identifier: Apache-2.0

package env

import (
	"io"
	"strings"
	"testing"

	"github.com/autowasm/autowasm/e2e/build"
)

// TestKubernetesIsChosenByTheEnvironmentVariable, which has no value that is ignored.
func TestKubernetesIsChosenByTheEnvironmentVariable(t *testing.T) {
	for chosen, want := range map[string]string{
		"": build.ControlPlane.Name, Floor: build.FloorAPIServer.Name, "1.30": "",
	} {
		t.Run(chosen, func(t *testing.T) {
			t.Setenv(KubernetesVariable, chosen)
			o, err := Options{Dir: t.TempDir(), CacheDir: t.TempDir(), Log: io.Discard}.complete()
			switch {
			case want == "":
				if err == nil || !strings.Contains(err.Error(), `$AUTOWASM_KUBERNETES is "1.30"`) {
					t.Errorf("error %v", err)
				}
			case err != nil || o.apiServer().Name != want:
				t.Errorf("%s, %v, want %s", o.apiServer().Name, err, want)
			}
		})
	}
}
