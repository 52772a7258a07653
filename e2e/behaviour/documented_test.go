// SPDX-License-Identifier: Apache-2.0

package behaviour

import (
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/autowasm/autowasm/e2e/suite"
	"github.com/autowasm/autowasm/e2e/tutorial"
	"github.com/autowasm/autowasm/fetch/image"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
	"github.com/autowasm/autowasm/internal/doctest"
)

// exampleFilter is the module of examples/add-header.
func exampleFilter(t *testing.T) []byte {
	t.Helper()
	return read(t, cluster.Binaries().Filter)
}

// privateShell is a shell whose registry.example is the private registry, of which the pages' user is robot and has the
// password $TOKEN.
func privateShell(t *testing.T, ns string) doctest.Shell {
	t.Helper()
	s, _ := cluster.Documented(t, ns)
	private := cluster.PrivateRegistry
	s.Stands = []string{"https://registry.example", "http://" + private, "registry.example", private, "robot", cluster.PrivateRegistryUsername}
	s.Env = append(s.Env, "TOKEN="+cluster.PrivateRegistryPassword)
	return s
}

// loggedIn gives a shell the credentials of the private registry.
func loggedIn(t *testing.T, s doctest.Shell) doctest.Shell {
	t.Helper()
	dir := t.TempDir()
	config := suite.DockerConfigJSON(t, map[string]suite.Login{cluster.PrivateRegistry: cluster.Login()})
	suite.WriteFile(t, dir, "config.json", config[corev1.DockerConfigJsonKey])
	s.Env = append(s.Env, "DOCKER_CONFIG="+dir)
	return s
}

// TestDocumentedWasmc runs the commands that need no cluster, but for kubectl kustomize.
func TestDocumentedWasmc(t *testing.T) {
	t.Parallel()
	s, bin := cluster.Documented(t, cluster.Namespace(t))
	s.Shown = []string{"/home/me", s.Dir}
	suite.WriteFile(t, s.Dir, "add-header.wasm", exampleFilter(t))
	suite.WriteFile(t, s.Dir, "component.wasm", wasmtest.Component())
	suite.WriteFile(t, s.Dir, "broken.wasm", wasmtest.UnknownImport("env", "proxy_nonsense"))
	manifest := tutorial.Manifest{Image: cluster.Registry + "/team/add-header:v1"}.String()
	suite.WriteFile(t, s.Dir, "aw.yaml", []byte(manifest))
	suite.WriteFile(t, s.Dir, "typo.yaml", []byte(strings.ReplaceAll(manifest, "applyPorts", "applyports")))
	kustomization := filepath.Join(s.Dir, "examples", "manifests", "kustomize")
	if err := os.CopyFS(kustomization, os.DirFS(filepath.Join(cluster.Checkout, "examples", "manifests", "kustomize"))); err != nil {
		t.Fatal(err)
	}
	suite.WriteFile(t, kustomization, "filter.wasm", wasmtest.Module())
	suite.WriteFile(t, s.Dir, "chart.yaml", []byte(meshChart+"---\n"+manifest))
	doctest.Command(t, bin, "helm", `[ "$*" = "template my-mesh" ] && cat '`+filepath.Join(s.Dir, "chart.yaml")+`'`)
	s.Run(t, doctest.Section("wasmc"))
}

// meshChart is what `helm template` prints of a chart with an application, beside an AutoWasm.
const meshChart = `apiVersion: v1
kind: Service
metadata: {name: details, namespace: default}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: details, namespace: default}
`

// TestDocumentedPlugin makes wasmc a plugin of kubectl where the page has /usr/local/bin.
func TestDocumentedPlugin(t *testing.T) {
	t.Parallel()
	s, bin := cluster.Documented(t, cluster.Namespace(t))
	s.Stands = append(s.Stands, "/usr/local/bin", bin)
	suite.Link(t, wasmcPath(), filepath.Join(bin, "wasmc"))
	suite.WriteFile(t, s.Dir, "add-header.wasm", exampleFilter(t))
	s.Run(t, doctest.Section("plugin"))
}

// TestDocumentedLogin logs in to the private registry and out again; then it gives nothing.
func TestDocumentedLogin(t *testing.T) {
	t.Parallel()
	s := privateShell(t, cluster.Namespace(t))
	suite.WriteFile(t, s.Dir, "token", []byte(cluster.PrivateRegistryPassword))
	s.Run(t, doctest.Section("login"))
}

// TestDocumentedClientCertificate makes the client certificate of the API server, which the authority of the page verifies.
func TestDocumentedClientCertificate(t *testing.T) {
	t.Parallel()
	s, _ := cluster.Documented(t, cluster.Namespace(t))
	s.Run(t, doctest.Section("client-certificate"))
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(read(t, filepath.Join(s.Dir, "ca.crt"))) {
		t.Fatal("ca.crt has no certificate")
	}
	block, _ := pem.Decode(read(t, filepath.Join(s.Dir, "client.crt")))
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := certificate.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
		t.Error(err)
	}
}

// TestDocumentedImage makes and pushes images, of one platform: the others take minutes, and are made the same way.
func TestDocumentedImage(t *testing.T) {
	t.Parallel()
	s, _ := cluster.Documented(t, cluster.Namespace(t))
	s.Env = append(s.Env, "HOME="+os.Getenv("HOME")) // where Go has what it built before
	s.Masks = []doctest.Mask{doctest.NewMask(`^(building \w+ \S+ for |the checkout has changes ).*\n`, "")}
	s.Stands = append(s.Stands, "make image ", "make -C '"+cluster.Checkout+"' -s image PLATFORMS=linux/"+runtime.GOARCH+" ")
	s.Run(t, doctest.Section("image"))
}

// moduleImage is an image of a module.
func moduleImage(t *testing.T, module []byte) v1.Image {
	t.Helper()
	img, err := image.Image(module, "0.2.1")
	if err != nil {
		t.Fatal(err)
	}
	return img
}
