// SPDX-License-Identifier: Apache-2.0

package image

import (
	"debug/elf"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// Triplet is the name that Debian has for this machine's architecture in the paths of libraries.
var Triplet = map[string]string{"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}[runtime.GOARCH]

// libraryDirs are where a dynamic linker looks.
var libraryDirs = []string{"/usr/lib/" + Triplet, "/usr/lib64", "/usr/lib"}

// Libraries are the shared libraries and the dynamic linker that programs and plugins of this machine need, as files of
// an image in which /lib and /lib64 lead to /usr/lib and /usr/lib64.
func Libraries(programs ...string) ([]File, error) {
	found := map[string]File{}
	for _, program := range programs {
		if err := addNeeded(found, program); err != nil {
			return nil, fmt.Errorf("find the libraries of %s: %w", program, err)
		}
	}
	return slices.SortedFunc(maps.Values(found), func(a, b File) int { return strings.Compare(a.Path, b.Path) }), nil
}

// addNeeded adds what a binary needs and what that needs.
func addNeeded(found map[string]File, binary string) error {
	linker, needed, err := readNeeded(binary)
	if err != nil {
		return err
	}
	if linker != "" {
		if err := add(found, merged(linker)); err != nil {
			return err
		}
	}
	for _, name := range needed {
		path, err := findLibrary(name)
		if err != nil {
			return err
		}
		if err := add(found, path); err != nil {
			return err
		}
	}
	return nil
}

func add(found map[string]File, path string) error {
	if _, ok := found[path]; ok {
		return nil
	}
	source, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	found[path] = Program(path, source)
	return addNeeded(found, source)
}

// readNeeded returns the dynamic linker, if any, and the names of the libraries that a binary was linked with.
func readNeeded(binary string) (linker string, needed []string, err error) {
	f, err := elf.Open(binary)
	if err != nil {
		return "", nil, err
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type != elf.PT_INTERP {
			continue
		}
		name, err := io.ReadAll(p.Open())
		if err != nil {
			return "", nil, err
		}
		linker = strings.TrimRight(string(name), "\x00")
	}
	needed, err = f.ImportedLibraries()
	return linker, needed, err
}

func findLibrary(name string) (string, error) {
	for _, dir := range libraryDirs {
		path := filepath.Join(dir, name)
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s is in none of %s: %w", name, strings.Join(libraryDirs, ", "), os.ErrNotExist)
}

// merged is a path below /lib or /lib64 as it is below /usr.
func merged(path string) string {
	if strings.HasPrefix(path, "/lib") {
		return "/usr" + path
	}
	return path
}
