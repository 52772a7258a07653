// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// busyLimit ends the work of busy cores whatever becomes of the run that they disturb.
const busyLimit = 2 * time.Hour

// runE2E makes one run of the end-to-end tests.
func (p plan) runE2E(ctx context.Context, number int, t *tally, out io.Writer) error {
	command := func(ctx context.Context) ([]byte, error) {
		return output(ctx, filepath.Join(p.checkout, "e2e"), nil,
			"go", "test", "-json", "-count=1", "-shuffle=on", "-timeout=90m", fmt.Sprintf("-p=%d", p.packages), "./...")
	}
	return p.record(ctx, fmt.Sprintf("e2e-%d", number), t, out, command)
}

// runBusy makes one run of the end-to-end tests with as many threads at work beside it as there are cores.
func (p plan) runBusy(ctx context.Context, number int, t *tally, out io.Writer) error {
	working, stop := context.WithTimeout(ctx, busyLimit)
	var cores sync.WaitGroup
	for range runtime.NumCPU() {
		cores.Go(func() {
			for sum := make([]byte, sha256.Size); working.Err() == nil; {
				next := sha256.Sum256(sum)
				sum = next[:]
			}
		})
	}
	defer cores.Wait()
	defer stop()
	return p.runE2E(ctx, number, t, out)
}

// runUnit makes all runs of the unit tests. Their programs are built once.
func (p plan) runUnit(ctx context.Context, t *tally, out io.Writer) error {
	if p.unit == 0 {
		return nil
	}
	dir, err := os.MkdirTemp("", "flakes-")
	if err != nil {
		return fmt.Errorf("make a directory for the tests' programs: %w", err)
	}
	defer os.RemoveAll(dir)
	programs, err := p.buildUnit(ctx, dir)
	if err != nil {
		return err
	}
	for i := range p.unit {
		command := func(ctx context.Context) ([]byte, error) { return runAll(ctx, programs) }
		if err := p.record(ctx, fmt.Sprintf("unit-%d", i+1), t, out, command); err != nil {
			return err
		}
	}
	return nil
}

// record runs a command whose output is that of go test -json, keeps that and counts it.
func (p plan) record(ctx context.Context, name string, t *tally, out io.Writer, command func(context.Context) ([]byte, error)) error {
	began, before := time.Now(), count(t.failed)
	content, err := command(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	path := filepath.Join(p.dir, name+".json")
	if writeErr := os.WriteFile(path, content, 0o644); writeErr != nil {
		return fmt.Errorf("keep the output of %s: %w", name, writeErr)
	}
	took := time.Since(began)
	t.runs, t.took = t.runs+1, t.took+took
	if readErr := t.read(bytes.NewReader(content), path); readErr != nil {
		return errors.Join(readErr, err)
	}
	fmt.Fprintf(out, "%s: %d failed, %s\n", name, count(t.failed)-before, took.Round(time.Second))
	return nil
}

// A program has the tests of a package.
type program struct{ path, pkg, dir string }

// buildUnit builds the tests of each package of the product with the race detector.
func (p plan) buildUnit(ctx context.Context, dir string) (all []program, err error) {
	const format = "{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}\t{{.Dir}}{{end}}"
	list, err := output(ctx, p.checkout, nil, "go", "list", "-f", format, "./...")
	if err != nil {
		return nil, fmt.Errorf("list the packages: %w\n%s", err, list)
	}
	for line := range strings.Lines(string(list)) {
		pkg, source, _ := strings.Cut(strings.TrimSpace(line), "\t")
		program := program{path: filepath.Join(dir, fmt.Sprintf("%d.test", len(all))), pkg: pkg, dir: source}
		text, err := output(ctx, p.checkout, []string{"CGO_ENABLED=1"}, "go", "test", "-c", "-race", "-o", program.path, pkg)
		if err != nil {
			return nil, fmt.Errorf("build the tests of %s: %w\n%s", pkg, err, text)
		}
		all = append(all, program)
	}
	return all, nil
}

// runAll runs some programs once, as many at a time as there are cores, and returns their output.
func runAll(ctx context.Context, programs []program) ([]byte, error) {
	var (
		mu      sync.Mutex
		all     bytes.Buffer
		errs    []error
		workers sync.WaitGroup
		next    = make(chan program)
	)
	for range runtime.NumCPU() {
		workers.Go(func() {
			for p := range next {
				text, err := output(ctx, p.dir, nil, "go", "tool", "test2json", "-t", "-p", p.pkg,
					p.path, "-test.v=test2json", "-test.shuffle=on", "-test.timeout=20m")
				mu.Lock()
				all.Write(text)
				errs = append(errs, err)
				mu.Unlock()
			}
		})
	}
	for _, p := range programs {
		next <- p
	}
	close(next)
	workers.Wait()
	return all.Bytes(), errors.Join(errs...)
}

// output runs a command in a directory and returns what it writes to its standard output. A command that is interrupted
// ends with its children.
func output(ctx context.Context, dir string, env []string, name string, args ...string) ([]byte, error) {
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	err := cmd.Run()
	return out.Bytes(), err
}
