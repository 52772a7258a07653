// SPDX-License-Identifier: Apache-2.0

package localenvoy

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
)

// version is one of the filter: its code and its configuration.
type version struct {
	number int
	file   string // that has the code
	vmID   string
	config []byte // nil for none
}

// vmDigits are how many digits of a module's sha256 its vm_id has.
const vmDigits = 12

// vmIDOf is the vm_id of a module. It has the digest as that of an AutoWasm: with another configuration alone, the virtual
// machine goes on, and Envoy does not compile it again.
func vmIDOf(wasm []byte) string {
	sum := sha256.Sum256(wasm)
	return "filter-" + hex.EncodeToString(sum[:])[:vmDigits]
}

// write writes the code and then, in one step, what Envoy watches.
func (v version) write(dir string, o Options, wasm []byte) error {
	if err := os.WriteFile(v.file, wasm, 0o600); err != nil {
		return err
	}
	answer, err := o.filter(v)
	if err != nil {
		return err
	}
	return replace(filepath.Join(dir, filterFile), answer)
}

// replace renames: Envoy sees the file as it was or as it is to be, and watches for renames alone.
func replace(path string, content []byte) error {
	temp := path + ".new"
	if err := os.WriteFile(temp, content, 0o600); err != nil {
		return err
	}
	return os.Rename(temp, path)
}
