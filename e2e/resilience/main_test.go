// SPDX-License-Identifier: Apache-2.0

package resilience

import (
	"os"
	"testing"

	"github.com/autowasm/autowasm/e2e/suite"
	"github.com/autowasm/autowasm/fetch/image"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
)

var cluster *suite.Cluster

func TestMain(m *testing.M) { os.Exit(suite.Main(m, &cluster)) }

// restart stops wasmer, if it runs, and starts it with other flags.
func restart(t *testing.T, flags ...string) {
	t.Helper()
	ctx, cancel := suite.Detached(t)
	defer cancel()
	if err := cluster.StopWasmer(); err != nil {
		t.Fatalf("stop wasmer: %v", err)
	}
	if err := cluster.Wasmer().Start(ctx, flags...); err != nil {
		t.Fatalf("start wasmer with %v: %v", flags, err)
	}
}

// restartAfter gives wasmer its own flags back when the test is over.
func restartAfter(t *testing.T) { t.Cleanup(func() { restart(t) }) }

// pushed pushes a tiny module, which no other test and no other repository has, and returns the image's reference and the module.
func pushed(t *testing.T, repository string) (string, []byte) {
	t.Helper()
	module := wasmtest.Module(wasmtest.Salt(t.Name() + repository))
	img, err := image.Image(module, "0.2.1")
	if err != nil {
		t.Fatalf("make an image: %v", err)
	}
	return cluster.Push(t, repository, img), module
}
