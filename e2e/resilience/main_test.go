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

// restart stops wasmer and starts it with other flags; after the test it runs
// with its own again.
func restart(t *testing.T, flags ...string) {
	t.Helper()
	if err := cluster.StopWasmer(); err != nil {
		t.Fatalf("stop wasmer: %v", err)
	}
	if err := cluster.StartWasmer(t.Context(), flags...); err != nil {
		t.Fatalf("start wasmer with %v: %v", flags, err)
	}
}

// pushed pushes a tiny module and returns the image's reference and the module.
func pushed(t *testing.T, repository string) (string, []byte) {
	t.Helper()
	module := wasmtest.Module(wasmtest.Salt(t.Name()))
	img, err := image.Image(module, "0.2.1")
	if err != nil {
		t.Fatalf("make an image: %v", err)
	}
	return cluster.Push(t, repository, img), module
}
