// SPDX-License-Identifier: Apache-2.0

package behaviour

import (
	"os"
	"testing"

	"k8s.io/client-go/discovery"

	"github.com/autowasm/autowasm/e2e/build"
	"github.com/autowasm/autowasm/e2e/env"
)

// TestKubernetes: these tests run on the API server that was chosen. On the newest they would pass for the floor too.
func TestKubernetes(t *testing.T) {
	t.Parallel()
	want := build.KubernetesVersion
	if os.Getenv(env.KubernetesVariable) == env.Floor {
		want = build.FloorKubernetesVersion
	}
	client, err := discovery.NewDiscoveryClientForConfig(cluster.RESTConfig)
	if err != nil {
		t.Fatal(err)
	}
	got, err := client.ServerVersion()
	if err != nil || got.GitVersion != want {
		t.Errorf("the API server is %v, %v, want %s", got, err, want)
	}
}
