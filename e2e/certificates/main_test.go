// SPDX-License-Identifier: Apache-2.0

package certificates

import (
	"os"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/autowasm/autowasm/certs"
	"github.com/autowasm/autowasm/e2e/suite"
	"github.com/autowasm/autowasm/fetch/image"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
)

// namespace is wasmer's, with all Secrets.
const namespace = "istio-system"

// ownCA is the Secret of wasmer's own authority.
const ownCA = "wasmer-webhook-ca"

var cluster *suite.Cluster

func TestMain(m *testing.M) { os.Exit(suite.Main(m, &cluster)) }

// reset leaves the webhook configurations as the manifests have them, without a caBundle, no certificates, and no
// replica.
func reset(t *testing.T) {
	t.Helper()
	if err := cluster.StopWasmer(); err != nil {
		t.Fatalf("stop wasmer: %v", err)
	}
	if err := cluster.DeleteManifests(t.Context(), "webhook"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{ownCA, rootSecret, certs.ServingSecret} {
		if err := cluster.Client.Delete(t.Context(), secretNamed(name)); err != nil && !apierrors.IsNotFound(err) {
			t.Fatal(err)
		}
	}
	if err := cluster.ApplyManifests(t.Context(), "webhook"); err != nil {
		t.Fatal(err)
	}
}

// pushed pushes a tiny module and returns the image's reference.
func pushed(t *testing.T, repository string) string {
	t.Helper()
	img, err := image.Image(wasmtest.Module(wasmtest.Salt(t.Name())), "0.2.1")
	if err != nil {
		t.Fatalf("make an image: %v", err)
	}
	return cluster.Push(t, repository, img)
}
