// SPDX-License-Identifier: Apache-2.0

package build

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// rootModule is the module whose go.mod marks the root of a checkout.
const rootModule = "github.com/autowasm/autowasm"

// FindCheckout returns the root of the checkout that dir is in.
func FindCheckout(dir string) (string, error) {
	start, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	for at := start; ; at = filepath.Dir(at) {
		if modulePath(filepath.Join(at, "go.mod")) == rootModule {
			return at, nil
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("%s is not in a checkout of %s", start, rootModule)
		}
	}
}

// modulePath returns the module that a go.mod file names, or "" when there is no such file.
func modulePath(gomod string) string {
	f, err := os.Open(gomod)
	if err != nil {
		return ""
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if path, ok := strings.CutPrefix(lines.Text(), "module "); ok {
			return strings.TrimSpace(path)
		}
	}
	return ""
}
