// SPDX-License-Identifier: Apache-2.0

package build

import (
	"fmt"
	"os"
	"path/filepath"
)

// Link makes bin/<name> of the checkout a symbolic link to a program, in place of what is there, and returns its
// path.
func (b *Builder) Link(name, program string) (string, error) {
	link := filepath.Join(b.Checkout, "bin", name)
	if err := replace(link, func(temp string) error { return os.Symlink(program, temp) }); err != nil {
		return "", fmt.Errorf("link %s into bin: %w", name, err)
	}
	return link, nil
}
