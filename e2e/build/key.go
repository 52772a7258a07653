// SPDX-License-Identifier: Apache-2.0

package build

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

// target is what of the Go installation decides a build's bytes.
type target struct {
	GOVERSION, GOOS, GOARCH string
}

// currentTarget asks the go command, which is the one that will build: it need not be the version that built
// this program.
func currentTarget() (target, error) {
	out, err := exec.Command("go", "env", "-json", "GOVERSION", "GOOS", "GOARCH").Output()
	if err != nil {
		return target{}, fmt.Errorf("ask go for its version: %w", err)
	}
	var t target
	if err := json.Unmarshal(out, &t); err != nil {
		return target{}, fmt.Errorf("read the output of go env: %w", err)
	}
	return t, nil
}

// key names a build of a part's module by everything that decides its bytes: the module's files, its link
// flags, the Go version and the platform. It is 16 hexadecimal digits.
func key(moduleDir string, p Part, t target) (string, error) {
	files, err := sources(moduleDir)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	fmt.Fprintf(h, "%q %q\n", t, p.LDFlags)
	if p.Package != "" {
		fmt.Fprintf(h, "%q\n", p.Package)
	}
	for _, file := range files {
		if err := addFile(h, moduleDir, file); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(h.Sum(nil))[:16], nil
}

// sources lists go.mod, go.sum and the Go files of a module, and those of the modules within it, by their paths in it.
func sources(moduleDir string) (files []string, err error) {
	err = fs.WalkDir(os.DirFS(moduleDir), ".", func(path string, _ fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case filepath.Ext(path) == ".go", filepath.Base(path) == "go.mod", filepath.Base(path) == "go.sum":
			files = append(files, path)
		}
		return nil
	})
	if err == nil && !slices.Contains(files, "go.mod") {
		err = errors.New("there is no go.mod")
	}
	if err != nil {
		return nil, fmt.Errorf("list the sources in %s: %w", moduleDir, err)
	}
	return files, nil
}

// license is the comment at the top of a source, which decides no byte of a program.
var license = []byte("// SPDX-License-Identifier: Apache-2.0\n\n")

// addFile adds a file's path and its own hash, so that no two sets of files add the same bytes.
func addFile(h hash.Hash, moduleDir, path string) error {
	content, err := os.ReadFile(filepath.Join(moduleDir, path))
	if err != nil {
		return fmt.Errorf("hash the sources of a part: %w", err)
	}
	fmt.Fprintf(h, "%s %x\n", path, sha256.Sum256(bytes.Replace(content, license, nil, 1)))
	return nil
}
