// SPDX-License-Identifier: Apache-2.0

package behaviour

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/e2e/suite"
	"github.com/autowasm/autowasm/fetch/image"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
)

// TestConfigMapSource replaces the recipe of mounting a ConfigMap into every
// workload.
func TestConfigMapSource(t *testing.T) {
	t.Parallel()
	ns := cluster.Namespace(t)
	module := wasmtest.Module(wasmtest.Salt(t.Name()))
	cm := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "example-filter"},
		BinaryData: map[string][]byte{"filter.wasm": module},
	}
	if err := cluster.Client.Create(t.Context(), cm); err != nil {
		t.Fatal(err)
	}
	aw := synced(t, ns, suite.Manifest{Name: "cm", Source: suite.ConfigMap("example-filter", "filter.wasm")})
	if got, want := aw.Status.Module.SHA256, suite.SHA256(module); got != want {
		t.Errorf("module %s, want %s", got, want)
	}
}

// TestConfigMapThatArrivesLater is admitted with a warning and served when it is
// there.
func TestConfigMapThatArrivesLater(t *testing.T) {
	t.Parallel()
	ns := cluster.Namespace(t)
	out := cluster.Apply(t, ns, suite.Manifest{Name: "cm", Source: suite.ConfigMap("late", "filter.wasm")}.String())
	if !strings.Contains(out.Stderr, "Warning:") || !strings.Contains(out.Stderr, "late") {
		t.Errorf("no warning about the missing ConfigMap: %q", out.Stderr)
	}
	cluster.WaitPhase(t, ns, "cm", v1alpha1.PhasePending)
	cm := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "late"},
		BinaryData: map[string][]byte{"filter.wasm": wasmtest.Module(wasmtest.Salt(t.Name()))},
	}
	if err := cluster.Client.Create(t.Context(), cm); err != nil {
		t.Fatal(err)
	}
	cluster.WaitPhase(t, ns, "cm", v1alpha1.PhaseSynced)
}

// TestPrivateRegistry: the right secret opens it, a wrong one and none do not,
// and one that arrives later is used when it is there.
func TestPrivateRegistry(t *testing.T) {
	t.Parallel()
	ns := cluster.Namespace(t)
	img, err := image.Image(wasmtest.Module(wasmtest.Salt(t.Name())), "0.2.1")
	if err != nil {
		t.Fatal(err)
	}
	ref := cluster.PushPrivate(t, "private/filter:v1", img)
	cluster.PullSecret(t, ns, "right", cluster.PrivateRegistry, cluster.PrivateRegistryUsername, cluster.PrivateRegistryPassword)
	cluster.PullSecret(t, ns, "wrong", cluster.PrivateRegistry, cluster.PrivateRegistryUsername, "not-the-password")

	synced(t, ns, suite.Manifest{Name: "right", Source: suite.Image(ref), Secret: "right"})
	// The module is in the store by now, and is no way round the password.
	reason := cluster.Refused(t, ns, suite.Manifest{Name: "wrong", Source: suite.Image(ref), Secret: "wrong"}.String(), "wrong", cluster.PrivateRegistry)
	if strings.Contains(reason, "not-the-password") {
		t.Errorf("the refusal shows the password: %s", reason)
	}
	cluster.Refused(t, ns, suite.Manifest{Name: "none", Source: suite.Image(ref)}.String(), "spec.secret")

	out := cluster.Apply(t, ns, suite.Manifest{Name: "later", Source: suite.Image(ref), Secret: "later"}.String())
	if !strings.Contains(out.Stderr, "later") {
		t.Errorf("no warning about the missing secret: %q", out.Stderr)
	}
	cluster.WaitPhase(t, ns, "later", v1alpha1.PhasePending)
	cluster.PullSecret(t, ns, "later", cluster.PrivateRegistry, cluster.PrivateRegistryUsername, cluster.PrivateRegistryPassword)
	cluster.WaitPhase(t, ns, "later", v1alpha1.PhaseSynced)
}

// TestPrivateModuleIsNotUsableByAnotherNamespace proves invariant 6: knowing the
// sha256 of a cached private module does not open it.
func TestPrivateModuleIsNotUsableByAnotherNamespace(t *testing.T) {
	t.Parallel()
	owner, other := cluster.Namespace(t), cluster.Namespace(t)
	module := wasmtest.Module(wasmtest.Salt(t.Name()))
	img, err := image.Image(module, "0.2.1")
	if err != nil {
		t.Fatal(err)
	}
	ref := cluster.PushPrivate(t, "private/isolated:v1", img)
	cluster.PullSecret(t, owner, "right", cluster.PrivateRegistry, cluster.PrivateRegistryUsername, cluster.PrivateRegistryPassword)
	synced(t, owner, suite.Manifest{Name: "mine", Source: suite.Image(ref), Secret: "right"})
	cluster.Refused(t, other, suite.Manifest{Name: "theirs", Source: suite.Image(ref)}.String())
	// Nor does a URL that is not there, with the module's sha256 beside it.
	cluster.Refused(t, other, suite.Manifest{Name: "guess", Source: suite.Object(cluster.ObjectsURL+"/nothing.wasm", suite.SHA256(module))}.String())
}

// TestObject: with the right sha256, without one, and with a wrong one.
func TestObject(t *testing.T) {
	t.Parallel()
	ns := cluster.Namespace(t)
	module := wasmtest.Module(wasmtest.Salt(t.Name()))
	address := cluster.Object(t, "object.wasm", module)
	sum := suite.SHA256(module)
	synced(t, ns, suite.Manifest{Name: "right", Source: suite.Object(address, sum)})
	synced(t, ns, suite.Manifest{Name: "none", Source: suite.Object(address, "")})
	wrong := strings.Repeat("0", 64)
	cluster.Refused(t, ns, suite.Manifest{Name: "wrong", Source: suite.Object(address, wrong)}.String(), "spec.filter.source.object.sha256", wrong, sum)
	cluster.Refused(t, ns, suite.Manifest{Name: "gone", Source: suite.Object(address+".gone", "")}.String(), "spec.filter.source.object.url", "404")
}

// TestImageShapes: what wasmc pushes is read back by the server.
func TestImageShapes(t *testing.T) {
	t.Parallel()
	ns := cluster.Namespace(t)
	for name, build := range map[string]func(module []byte, abi string) (v1.Image, error){"image": image.Image, "binary": image.Binary} {
		module := wasmtest.Module(wasmtest.Salt(t.Name() + name))
		img, err := build(module, "0.2.1")
		if err != nil {
			t.Fatal(err)
		}
		aw := synced(t, ns, suite.Manifest{Name: name, Source: suite.Image(cluster.Push(t, "shape-"+name+":v1", img))})
		if got, want := aw.Status.Module.SHA256, suite.SHA256(module); got != want {
			t.Errorf("format %s: module %s, want %s", name, got, want)
		}
	}
}

// TestSlowSource: past the budget, while the source has not answered, the object is
// admitted with a warning and without an EnvoyFilter. It is served when the source
// has answered.
func TestSlowSource(t *testing.T) {
	t.Parallel()
	ns := cluster.Namespace(t)
	module := wasmtest.Module(wasmtest.Salt(t.Name()))
	slow := holdSource(t, module)
	out := cluster.Apply(t, ns, suite.Manifest{Name: "slow", Source: suite.Object(slow.url, "")}.String())
	if !strings.Contains(out.Stderr, "Warning:") || !strings.Contains(out.Stderr, "Pending") {
		t.Errorf("no warning about the slow source: %q", out.Stderr)
	}
	if _, err := cluster.EnvoyFilter(t.Context(), ns, "slow"); !apierrors.IsNotFound(err) {
		t.Errorf("an EnvoyFilter without its module: %v", err)
	}
	slow.release()
	cluster.WaitPhase(t, ns, "slow", v1alpha1.PhaseSynced)
	requireServed(t, suite.SHA256(module))
}

// heldSource is a web server that answers no request until it is released, and then
// every request with a module.
type heldSource struct {
	url     string
	release func()
}

func holdSource(t *testing.T, module []byte) heldSource {
	t.Helper()
	ctx, release := context.WithCancel(t.Context())
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-ctx.Done():
			w.Write(module)
		case <-r.Context().Done(): // the client has gone
		}
	}))
	t.Cleanup(func() { release(); server.Close() })
	return heldSource{url: server.URL + "/filter.wasm", release: release}
}
