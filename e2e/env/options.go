// SPDX-License-Identifier: Apache-2.0

package env

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/autowasm/autowasm/e2e/build"
)

// Options say where an environment lives and what is in it. The zero value does, but for Dir.
type Options struct {
	// Dir holds the environment's data, logs and kubeconfig. It is made when it is absent. Required.
	Dir string
	// Checkout is the root directory of the checkout whose wasmer and manifests are used. Default: the one that
	// the working directory is in.
	Checkout string
	// CacheDir is where the built parts are kept. Default: download.CacheDir().
	CacheDir string
	// Log is told what happens, a line at a time, and shows the progress of a build. Default: standard error.
	Log io.Writer
	// WithoutWasmer starts neither wasmer nor its webhooks; StartWasmer does so later.
	WithoutWasmer bool
	// WithoutIstio leaves out Istio's CRDs, which IstioCRDs finds.
	WithoutIstio bool
	// FloorKubernetes runs kube-apiserver of the oldest Kubernetes that is supported, with the controllers and kubectl of
	// the newest. Default: whether $AUTOWASM_KUBERNETES is "floor".
	FloorKubernetes bool
	// WasmerFlags are given to wasmer each time that it starts, after the environment's own flags.
	WasmerFlags []string
	// OnFailure is called, from a goroutine of the environment, when a part dies. It must not call Stop.
	OnFailure func(*ComponentError)
}

// KubernetesVariable names the environment variable that chooses the API server of all environments: Floor, or the newest
// where it is not set.
const KubernetesVariable = "AUTOWASM_KUBERNETES"

// Floor stands for the oldest Kubernetes that is supported.
const Floor = "floor"

// complete fills in the defaults and makes every path absolute, since the parts are told them.
func (o Options) complete() (Options, error) {
	if o.Dir == "" {
		return o, fmt.Errorf("the environment's directory is not set")
	}
	switch chosen := os.Getenv(KubernetesVariable); chosen {
	case "":
	case Floor:
		o.FloorKubernetes = true
	default:
		return o, fmt.Errorf("$%s is %q: set it to %q, or not at all", KubernetesVariable, chosen, Floor)
	}
	b, err := build.NewBuilder(o.Checkout, o.CacheDir, o.Log)
	if err != nil {
		return o, err
	}
	o.Checkout, o.CacheDir, o.Log = b.Checkout, b.CacheDir, b.Progress
	o.Dir, err = filepath.Abs(o.Dir)
	return o, err
}

// apiServer is the part whose kube-apiserver runs.
func (o Options) apiServer() build.Part {
	if o.FloorKubernetes {
		return build.FloorAPIServer
	}
	return build.ControlPlane
}

// Builder builds what an environment of these options runs, and what runs in it, before its start.
func (o Options) Builder() (*build.Builder, error) {
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	return o.builder(), nil
}

func (o Options) builder() *build.Builder {
	return &build.Builder{Checkout: o.Checkout, CacheDir: o.CacheDir, Progress: o.Log}
}
