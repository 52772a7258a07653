// SPDX-License-Identifier: Apache-2.0

package build

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Product builds the program at dir, which is relative to the checkout's root, into bin/ of the checkout and
// returns the path of the binary. It is not cached: Go's own build cache makes a second build fast.
func (b *Builder) Product(ctx context.Context, dir string) (string, error) {
	binary := filepath.Join(b.Checkout, "bin", filepath.Base(dir))
	err := b.build(ctx, b.begin("building "+dir, ""), goBuild{
		dir: b.Checkout, pkg: "./" + filepath.ToSlash(dir), ldflags: stripped,
	}, binary)
	return binary, err
}

// TestProgram builds the program at dir, which is relative to e2e/, into bin/e2e/ of the checkout and returns the path of
// the binary.
func (b *Builder) TestProgram(ctx context.Context, dir string) (string, error) {
	binary := filepath.Join(b.Checkout, "bin", "e2e", filepath.Base(dir))
	err := b.build(ctx, b.begin("building "+dir, ""), goBuild{
		dir: filepath.Join(b.Checkout, "e2e"), pkg: "./" + filepath.ToSlash(dir), ldflags: stripped,
	}, binary)
	return binary, err
}

// Filter builds the proxy-wasm filter at dir into bin/<name>.wasm of the checkout and returns its path.
func (b *Builder) Filter(ctx context.Context, dir string) (string, error) {
	module := filepath.Join(b.Checkout, "bin", filepath.Base(dir)+".wasm")
	err := b.build(ctx, b.begin("building "+dir, ""), goBuild{
		dir: b.Checkout, pkg: "./" + filepath.ToSlash(dir), ldflags: stripped,
		args: []string{"-buildmode=c-shared"}, env: []string{"GOOS=wasip1", "GOARCH=wasm"},
	}, module)
	return module, err
}

// build builds a file as a task that it ends.
func (b *Builder) build(ctx context.Context, t *task, g goBuild, file string) error {
	err := replace(file, func(temp string) error {
		// go build does not link a program again that it finds up to date.
		if err := copyExisting(file, temp); err != nil {
			return err
		}
		return g.to(ctx, t, temp)
	})
	t.done(err)
	if err != nil {
		return fmt.Errorf("build %s: %w", filepath.Base(file), err)
	}
	return nil
}

// stripped leaves out what only a debugger needs.
var stripped = []string{"-s", "-w"}

// goBuild is a run of go build. Every run has the flags of make, and of an image of wasmer, since they are part of the key
// by which Go's build cache knows a compiled package: with the same flags, the packages that two programs share are
// compiled once.
type goBuild struct {
	dir     string // of the module
	pkg     string
	ldflags []string
	args    []string // beyond those that every build has
	env     []string // added to this process's own
}

// to builds file, and has the task say what is compiled.
func (g goBuild) to(ctx context.Context, t *task, file string) error {
	args := append([]string{"build", "-v", "-trimpath", "-ldflags=" + strings.Join(g.ldflags, " ")}, g.args...)
	cmd := exec.CommandContext(ctx, "go", append(args, "-o", file, g.pkg)...)
	// Killed, it would leave its compilers running.
	cmd.Cancel, cmd.WaitDelay = func() error { return cmd.Process.Signal(os.Interrupt) }, 10*time.Second
	cmd.Dir, cmd.Env = g.dir, slices.Concat(os.Environ(), []string{"CGO_ENABLED=0"}, g.env)
	out := &output{task: t}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s in %s: %w\n%s", cmd, g.dir, err, out)
	}
	return nil
}
