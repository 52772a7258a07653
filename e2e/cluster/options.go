//go:build linux

// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"fmt"
	"io"
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
	// CacheDir is where the built parts are kept. Default: download.CacheDir().
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
	b, err := build.NewBuilder(o.Checkout, o.CacheDir, o.Log)
	if err != nil {
		return o, err
	}
	o.Checkout, o.CacheDir, o.Log = b.Checkout, b.CacheDir, b.Progress
	o.Dir, err = filepath.Abs(o.Dir)
	return o, err
}

func (o Options) builder() *build.Builder {
	return &build.Builder{Checkout: o.Checkout, CacheDir: o.CacheDir, Progress: o.Log}
}
