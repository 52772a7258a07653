package build

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Product builds the program at dir, which is relative to the checkout's root, into bin/ of the checkout and
// returns the path of the binary. It is not cached: Go's own build cache makes a second build fast.
func (b *Builder) Product(ctx context.Context, dir string) (string, error) {
	binary := filepath.Join(b.Checkout, "bin", filepath.Base(dir))
	done := b.announce("building " + dir)
	err := goBuild{dir: b.Checkout, pkg: "./" + filepath.ToSlash(dir), ldflags: stripped}.to(ctx, binary)
	done(err)
	if err != nil {
		return "", fmt.Errorf("build %s: %w", dir, err)
	}
	return binary, nil
}

// Filter builds the proxy-wasm filter at dir into bin/<name>.wasm of the checkout and returns its path.
func (b *Builder) Filter(ctx context.Context, dir string) (string, error) {
	module := filepath.Join(b.Checkout, "bin", filepath.Base(dir)+".wasm")
	done := b.announce("building " + dir)
	err := goBuild{
		dir: b.Checkout, pkg: "./" + filepath.ToSlash(dir), ldflags: stripped,
		args: []string{"-buildmode=c-shared"}, env: []string{"GOOS=wasip1", "GOARCH=wasm"},
	}.to(ctx, module)
	done(err)
	if err != nil {
		return "", fmt.Errorf("build the filter %s: %w", dir, err)
	}
	return module, nil
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

func (g goBuild) to(ctx context.Context, binary string) error {
	return replace(binary, func(temp string) error {
		args := append([]string{"build", "-trimpath", "-ldflags=" + strings.Join(g.ldflags, " ")}, g.args...)
		cmd := exec.CommandContext(ctx, "go", append(args, "-o", temp, g.pkg)...)
		cmd.Dir, cmd.Env = g.dir, slices.Concat(os.Environ(), []string{"CGO_ENABLED=0"}, g.env)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s in %s: %w\n%s", cmd, g.dir, err, out)
		}
		return nil
	})
}
