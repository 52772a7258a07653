// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"

	"github.com/autowasm/autowasm/e2e/env"
	"github.com/autowasm/autowasm/e2e/mesh"
)

// laterMesh is a mesh whose programs are built while the demo's first half plays.
type laterMesh struct {
	progress mutedWriter
	cancel   context.CancelFunc
	prepared chan struct{} // closed when the fields below are set
	options  mesh.Options
	notes    bytes.Buffer // what Prepare had to say
	err      error

	mesh *mesh.Mesh // nil until it was started
}

// prepareMesh builds what a mesh on an environment takes beside it, in a goroutine that stop waits for.
func prepareMesh(ctx context.Context, o env.Options) (*laterMesh, error) {
	m := &laterMesh{progress: mutedWriter{w: os.Stderr}, prepared: make(chan struct{})}
	o.Log = &m.progress
	b, err := o.Builder()
	if err != nil {
		return nil, err
	}
	ctx, m.cancel = context.WithCancel(ctx)
	go func() {
		defer close(m.prepared)
		m.options, m.err = mesh.Prepare(ctx, b, mesh.Options{}, &m.notes)
	}()
	return m, nil
}

// start waits for the programs, whose progress it shows now, and starts the mesh on an environment.
func (m *laterMesh) start(ctx context.Context, e *env.Environment) ([]env.Variable, error) {
	fmt.Println("\n# Now the same with proxies: an Istio mesh.")
	m.progress.enabled.Store(true)
	<-m.prepared
	if _, err := m.notes.WriteTo(os.Stdout); err != nil || m.err != nil {
		return nil, errors.Join(m.err, err)
	}
	fmt.Println("Starting istiod, the details service and its Envoy.")
	var err error
	if m.mesh, err = mesh.Start(ctx, e, m.options); err != nil {
		return nil, err
	}
	return m.mesh.Variables(), nil
}

// stop ends the mesh, or its build.
func (m *laterMesh) stop() error {
	m.cancel()
	<-m.prepared
	if m.mesh == nil {
		return nil
	}
	return m.mesh.Stop()
}

// A mutedWriter drops what is written to it until it is enabled.
type mutedWriter struct {
	w       io.Writer
	enabled atomic.Bool
}

func (m *mutedWriter) Write(p []byte) (int, error) {
	if !m.enabled.Load() {
		return len(p), nil
	}
	return m.w.Write(p)
}
