// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"github.com/autowasm/autowasm/e2e/build"
	"github.com/autowasm/autowasm/internal/download"
)

// A Program is a Chromium with the environment that it needs.
type Program struct {
	Path string
	Env  []string // beyond that of the process that starts it
}

// names are those of Chromiums on the PATH, the most usual first.
var names = []string{"chromium", "chromium-browser", "chromium-headless-shell", "headless-shell", "google-chrome", "google-chrome-stable"}

// Find returns the browser to test with, and brings the pinned one to the builder's cache when there is no other.
func Find(ctx context.Context, b *build.Builder) (Program, error) {
	if path := os.Getenv("CHROMIUM"); path != "" {
		found, err := exec.LookPath(path)
		if err != nil {
			return Program{}, fmt.Errorf("use $CHROMIUM as the browser: %w", err)
		}
		return Program{Path: found}, nil
	}
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return Program{Path: path}, nil
		}
	}
	return pinned(ctx, b, release)
}

// remedy is what to do where no browser can be brought.
const remedy = "install one (on Debian: apt-get install chromium), or set CHROMIUM to the path of one"

// pinned returns a release of the builder's cache, where it is brought first when it is not there.
func pinned(ctx context.Context, b *build.Builder, r pack) (Program, error) {
	if machine := runtime.GOOS + "/" + runtime.GOARCH; machine != "linux/amd64" {
		return Program{}, fmt.Errorf("no browser is pinned for %s: %s", machine, remedy)
	}
	dir := filepath.Join(b.CacheDir, "chromium-"+r.version+"-"+r.sha256[:16])
	program := download.Program{Name: "Chromium", Version: r.version, Size: r.size, Path: dir}
	err := b.Downloads().Once(ctx, program, func() error {
		if err := install(ctx, r, dir); err != nil {
			return fmt.Errorf("bring Chromium %s here, or %s: %w", r.version, remedy, err)
		}
		return nil
	})
	if err != nil {
		return Program{}, err
	}
	return programIn(dir), nil
}

// programIn is what install has put into a directory. Libraries of the machine come before those of the package.
func programIn(dir string) Program {
	return Program{Path: filepath.Join(dir, "chromium"), Env: []string{
		"LD_LIBRARY_PATH=" + filepath.Join(dir, "al2023", "lib"), "FONTCONFIG_FILE=" + filepath.Join(dir, fontsConfig),
	}}
}
