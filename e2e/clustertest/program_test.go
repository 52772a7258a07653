//go:build cluster

// SPDX-License-Identifier: Apache-2.0

package clustertest

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/autowasm/autowasm/e2e/build"
	"github.com/autowasm/autowasm/e2e/process"
)

// A program is one that runs beside the cluster's nodes and answers GET /healthz.
type program struct {
	command process.Command
	health  string // its address
	logDir  string
	running *process.Process
}

// newProgram is for a part that is run by a command, whose Path it sets. It is stopped when the test is over.
func newProgram(t *testing.T, part build.Part, health string, command process.Command) *program {
	t.Helper()
	command.Path = partPath(t, part)
	p := &program{health: health, logDir: t.TempDir(), command: command}
	t.Cleanup(func() { p.stop(t) })
	return p
}

func partPath(t *testing.T, part build.Part) string {
	t.Helper()
	builder, err := build.NewBuilder("", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	path, err := builder.Part(t.Context(), part)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func (p *program) start(t *testing.T) {
	t.Helper()
	started, err := process.Start(p.command, p.logDir, nil)
	if err != nil {
		t.Fatal(err)
	}
	p.running = started
	err = started.WaitReady(t.Context(), process.Timeout, func(ctx context.Context) error {
		return process.Probe(ctx, http.DefaultClient, "http://"+p.health+"/healthz")
	})
	if err != nil {
		t.Fatal(process.NewError(started, err))
	}
}

// stop ends it, if it runs.
func (p *program) stop(t *testing.T) {
	t.Helper()
	if p.running == nil {
		return
	}
	if err := p.running.Stop(10 * time.Second); err != nil {
		t.Error(err)
	}
	p.running = nil
}
