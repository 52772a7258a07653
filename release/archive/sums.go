// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// SumsName is the file that holds the sums of the others, as sha256sum --check reads them.
const SumsName = "SHA256SUMS"

// Sums returns a line for each file.
func Sums(files map[string][]byte) []byte {
	var lines strings.Builder
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(&lines, "%x  %s\n", sha256.Sum256(files[name]), name)
	}
	return []byte(lines.String())
}
