// SPDX-License-Identifier: Apache-2.0

package program

import (
	"context"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
)

// A Program of this repository.
type Program struct {
	// Name is that of its binary, of its image, and of its directory below cmd/.
	Name string
	// Description is one sentence.
	Description string
	// TempDir says that it makes temporary files.
	TempDir bool
}

// The programs.
var (
	Wasmer = Program{Name: "wasmer", Description: "The server of AutoWasm: admission webhook, fetcher, module server and controller."}
	Wasmc  = Program{Name: "wasmc", Description: "The client of AutoWasm: pushes and pulls Wasm modules, and shows what the server makes of them.", TempDir: true}
)

// A Platform is what a program is built for.
type Platform struct{ OS, Arch string }

// ParsePlatforms reads "linux/amd64,linux/arm64".
func ParsePlatforms(list string) ([]Platform, error) {
	var platforms []Platform
	for entry := range strings.SplitSeq(list, ",") {
		system, arch, ok := strings.Cut(strings.TrimSpace(entry), "/")
		if !ok || system == "" || arch == "" || strings.Contains(arch, "/") {
			return nil, fmt.Errorf("platform %q: must be like linux/amd64", entry)
		}
		if p := (Platform{system, arch}); !slices.Contains(platforms, p) {
			platforms = append(platforms, p)
		}
	}
	return platforms, nil
}

// String is the form that ParsePlatforms reads.
func (p Platform) String() string { return p.OS + "/" + p.Arch }

// Suffix is what the platform's binaries end with.
func (p Platform) Suffix() string {
	if p.OS == "windows" {
		return ".exe"
	}
	return ""
}

// A Binary is a program that was built.
type Binary struct {
	Program  Program
	Platform Platform
	// Version is the one that it prints.
	Version string
	// Content is the file, and SHA256 its hash in hex.
	Content []byte
	SHA256  string
	// Info is what the Go toolchain says of it.
	Info *debug.BuildInfo
}

// Build builds p in the checkout. The result does not depend on where that is, nor on what its .git holds.
func Build(ctx context.Context, checkout string, p Program, platform Platform, version string) (*Binary, error) {
	dir, err := os.MkdirTemp("", "autowasm-release-")
	if err != nil {
		return nil, fmt.Errorf("make a directory to build in: %w", err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // it is in the directory of temporary files
	file := filepath.Join(dir, p.Name+platform.Suffix())
	command := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false",
		"-ldflags=-s -w -X main.version="+version, "-o", file, "./cmd/"+p.Name)
	command.Dir = checkout
	command.Env = append(os.Environ(), environment(platform)...)
	if out, err := command.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build %s for %s: %w\n%s", p.Name, platform, err, out)
	}
	return Read(file, p, platform, version)
}

// environment leaves nothing of what decides the result to the machine.
func environment(p Platform) []string {
	return []string{
		"CGO_ENABLED=0", "GOOS=" + p.OS, "GOARCH=" + p.Arch, "GOAMD64=v1", "GOARM64=v8.0", "GOFLAGS=-trimpath", "GOEXPERIMENT=", "GOWORK=off",
	}
}

// Read reads a file that was built.
func Read(file string, p Program, platform Platform, version string) (*Binary, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read %s for %s: %w", p.Name, platform, err)
	}
	info, err := buildinfo.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read what %s for %s was built of: %w", p.Name, platform, err)
	}
	sum := sha256.Sum256(content)
	return &Binary{Program: p, Platform: platform, Version: version, Content: content, SHA256: hex.EncodeToString(sum[:]), Info: info}, nil
}
