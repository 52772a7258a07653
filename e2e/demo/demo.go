// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/autowasm/autowasm/e2e/env"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
)

// Demo is a play of the tutorial.
type Demo struct {
	// Variables are those of the environment that it plays on, which must be running, and of its mesh, if that runs, too.
	Variables []env.Variable
	// Mesh is called after the steps that ask no proxy, and returns the variables of a mesh that it started meanwhile. nil
	// means that Variables has them. The steps that ask a proxy are left out when there is none: ENVOY_ADMIN_URL is "" or
	// absent.
	Mesh func(context.Context) ([]env.Variable, error)
	// Checkout has bin/ with the programs and the example filter.
	Checkout string
	// Out gets the commands and their answers.
	Out io.Writer
}

// Run plays every step. It fails at the first one that does not answer as it
// should, which has been printed by then.
func (d *Demo) Run(ctx context.Context) error {
	dir, err := d.stage()
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := d.playAll(ctx, dir, withoutProxies()); err != nil {
		return err
	}
	if err := d.startMesh(ctx); err != nil {
		return err
	}
	if !d.live() {
		fmt.Fprintln(d.Out, "\n# Without an Envoy, what the filter does to traffic was not shown.")
		return nil
	}
	return d.playAll(ctx, dir, withProxies())
}

func (d *Demo) startMesh(ctx context.Context) error {
	if d.Mesh == nil {
		return nil
	}
	variables, err := d.Mesh(ctx)
	if err != nil {
		return fmt.Errorf("start the mesh of the second half: %w", err)
	}
	d.Variables = slices.Concat(variables, d.Variables)
	return nil
}

func (d *Demo) playAll(ctx context.Context, dir string, steps []step) error {
	began := time.Now()
	for _, s := range steps {
		if err := d.play(ctx, dir, s, began); err != nil {
			return err
		}
	}
	return nil
}

// stage makes the directory in which the commands run, with the example filter and its tests in it, and a filter with a bug.
func (d *Demo) stage() (string, error) {
	dir, err := os.MkdirTemp("", "autowasm-demo-")
	if err != nil {
		return "", fmt.Errorf("make the demo's directory: %w", err)
	}
	for name, file := range map[string]string{"example.wasm": "bin/add-header.wasm", "tests.yaml": "examples/add-header/tests.yaml"} {
		if err := os.Symlink(filepath.Join(d.Checkout, file), filepath.Join(dir, name)); err != nil {
			return dir, fmt.Errorf("link %s of the example filter: %w", file, err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "traps.wasm"), wasmtest.Module(wasmtest.TrapOnHeaders(40)), 0o600); err != nil {
		return dir, fmt.Errorf("write the filter that traps: %w", err)
	}
	return dir, provideCurl(dir)
}

// provideCurl stands in for curl where there is none: this program is linked by
// that name.
func provideCurl(dir string) error {
	if _, err := exec.LookPath("curl"); err == nil {
		return nil
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program, to stand in for curl: %w", err)
	}
	if err := os.Symlink(self, filepath.Join(dir, "curl")); err != nil {
		return fmt.Errorf("stand in for curl: %w", err)
	}
	return nil
}

// live is true when there is a proxy to ask.
func (d *Demo) live() bool {
	return slices.ContainsFunc(d.Variables, func(v env.Variable) bool { return v.Name == "ENVOY_ADMIN_URL" && v.Value != "" })
}

func (d *Demo) play(ctx context.Context, dir string, s step, began time.Time) error {
	if s.says != "" {
		fmt.Fprintf(d.Out, "\n# %s\n", s.says)
	}
	fmt.Fprintf(d.Out, "$ %s\n", strings.ReplaceAll(s.run, "\n", "\n> "))
	if s.within > 0 {
		return d.poll(ctx, dir, s, began)
	}
	return d.try(ctx, dir, s, began, d.Out)
}

// poll tries a step until its answer is right or its time is over, and prints the last answer.
func (d *Demo) poll(ctx context.Context, dir string, s step, began time.Time) error {
	over := time.After(s.within)
	for {
		var last bytes.Buffer
		err := d.try(ctx, dir, s, began, &last)
		if err == nil || !again(ctx, over) {
			_, writeErr := d.Out.Write(last.Bytes())
			return errors.Join(err, writeErr)
		}
	}
}

// again waits a moment and returns whether there is time for another try.
func again(ctx context.Context, over <-chan time.Time) bool {
	select {
	case <-ctx.Done():
		return false
	case <-over:
		return false
	case <-time.After(100 * time.Millisecond):
		return true
	}
}

// try runs a step's command once and checks what it answers on out.
func (d *Demo) try(ctx context.Context, dir string, s step, began time.Time, out io.Writer) error {
	answer, err := d.shell(ctx, dir, s.run, out)
	if s.refused == (err == nil) {
		return fmt.Errorf("this command must %s: %s: %w", map[bool]string{true: "be refused", false: "succeed"}[s.refused], s.run, err)
	}
	return s.check(answer, began)
}

// shell runs a command as a reader of the tutorial would, in a shell in which
// .local/env was sourced.
func (d *Demo) shell(ctx context.Context, dir, command string, to io.Writer) (string, error) {
	var answer bytes.Buffer
	cmd := exec.CommandContext(ctx, "sh", "-c", command)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "DOCKER_CONFIG="+filepath.Join(dir, ".docker"))
	for _, v := range d.Variables {
		if v.Name == "PATH" {
			v.Value = strings.Join([]string{v.Value, os.Getenv("PATH"), dir}, string(os.PathListSeparator))
		}
		cmd.Env = append(cmd.Env, v.Name+"="+v.Value)
	}
	out := io.MultiWriter(to, &answer)
	cmd.Stdout, cmd.Stderr = out, out
	err := cmd.Run()
	return answer.String(), err
}
