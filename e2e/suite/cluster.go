// SPDX-License-Identifier: Apache-2.0

package suite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-logr/logr"
	istiov1alpha3 "istio.io/client-go/pkg/apis/networking/v1alpha3"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/e2e/build"
	"github.com/autowasm/autowasm/e2e/env"
)

// Cluster is an environment with a typed client of an administrator.
type Cluster struct {
	*env.Environment
	Client client.WithWatch
	// Checkout is the root of the tree under test.
	Checkout string
}

// startTimeout is for a start with everything built; a cold build has its own
// command, which make e2e runs first.
const startTimeout = 20 * time.Minute

// Tests are those of a package: a *testing.M, or what puts something around one.
type Tests interface{ Run() int }

// Main starts an environment, runs the tests of a package on it, stops it, and
// returns the exit code. A part of the environment that dies fails the run.
func Main(m Tests, cluster **Cluster, wasmerFlags ...string) int {
	dir, err := os.MkdirTemp("", "autowasm-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "make a directory for the environment:", err)
		return 1
	}
	started, err := start(env.Options{Dir: dir, WasmerFlags: wasmerFlags})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	*cluster = started
	code := m.Run()
	return max(code, finish(started, dir, code == 0))
}

func start(o env.Options) (*Cluster, error) {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	var err error
	if o.Checkout, err = build.FindCheckout("."); err != nil {
		return nil, err
	}
	e, err := env.Start(ctx, o)
	if err != nil {
		return nil, err
	}
	c, err := newClient(e)
	if err != nil {
		return nil, err
	}
	return &Cluster{Environment: e, Client: c, Checkout: o.Checkout}, nil
}

// Start starts an environment of a test's own, in a directory of its own, and stops it after the test. A part of it that
// dies fails the test.
func Start(t testing.TB, o env.Options) *Cluster {
	t.Helper()
	o.Dir = t.TempDir()
	c, err := start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(c.Err(), c.Stop()); err != nil {
			t.Errorf("the environment failed: %v", err)
		}
	})
	return c
}

func newClient(e *env.Environment) (client.WithWatch, error) {
	log.SetLogger(logr.Discard()) // the client has nothing to say that its errors do not
	scheme := runtime.NewScheme()
	builder := runtime.NewSchemeBuilder(
		clientgoscheme.AddToScheme, v1alpha1.AddToScheme, istiov1alpha3.AddToScheme, apiextensionsv1.AddToScheme)
	if err := builder.AddToScheme(scheme); err != nil {
		return nil, fmt.Errorf("register the types that the tests use: %w", err)
	}
	c, err := client.NewWithWatch(e.RESTConfig, client.Options{Scheme: scheme})
	if err != nil {
		return nil, fmt.Errorf("make the tests' client: %w", err)
	}
	return c, nil
}

// finish stops the environment and removes its directory, but for the logs when
// something died or a test failed.
func finish(c *Cluster, dir string, passed bool) int {
	code, remove := 0, dir
	if err := errors.Join(c.Err(), c.Stop()); err != nil {
		fmt.Fprintln(os.Stderr, "the environment failed:", err)
		code = 1
	}
	if code != 0 || !passed {
		fmt.Fprintln(os.Stderr, "the environment's logs are in", filepath.Join(dir, "log"))
		remove = filepath.Join(dir, "data")
	}
	if err := os.RemoveAll(remove); err != nil {
		fmt.Fprintln(os.Stderr, "remove the environment's directory:", err)
		code = 1
	}
	return code
}
