//go:build linux

package cluster

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/autowasm/autowasm/e2e/build"
	"github.com/autowasm/autowasm/e2e/process"
)

// Options say where a cluster lives and what is in it. The zero value does, but for Dir.
type Options struct {
	// Dir holds the cluster's data, logs and kubeconfig. It is made when it is absent. Required.
	Dir string
	// Checkout is the root directory of the checkout whose wasmer and manifests are used. Default: the one that the working
	// directory is in.
	Checkout string
	// CacheDir is where the built parts are kept. Default: build.CacheDir().
	CacheDir string
	// Log gets what happens, a line at a time, and shows the progress of a build. Default: standard error.
	Log io.Writer
	// WithoutMesh installs no Istio.
	WithoutMesh bool
	// OnFailure is called when a part dies. It must not call Stop.
	OnFailure func(*process.Error)
}

// complete fills in the defaults and makes every path absolute.
func (o Options) complete() (Options, error) {
	if o.Dir == "" {
		return o, fmt.Errorf("the cluster's directory is not set")
	}
	if o.Log == nil {
		o.Log = os.Stderr
	}
	var err error
	if o.Checkout == "" {
		if o.Checkout, err = build.FindCheckout("."); err != nil {
			return o, err
		}
	}
	if o.CacheDir == "" {
		if o.CacheDir, err = build.CacheDir(); err != nil {
			return o, err
		}
	}
	for _, dir := range []*string{&o.Dir, &o.Checkout, &o.CacheDir} {
		if *dir, err = filepath.Abs(*dir); err != nil {
			return o, err
		}
	}
	return o, nil
}

func (o Options) builder() *build.Builder {
	return &build.Builder{Checkout: o.Checkout, CacheDir: o.CacheDir, Progress: o.Log}
}
