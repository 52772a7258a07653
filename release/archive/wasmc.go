// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"fmt"
	"strings"
	"time"

	"github.com/autowasm/autowasm/release/program"
)

// Platforms are those that wasmc is released for.
var Platforms = []program.Platform{
	{OS: "linux", Arch: "amd64"}, {OS: "linux", Arch: "arm64"},
	{OS: "darwin", Arch: "amd64"}, {OS: "darwin", Arch: "arm64"},
	{OS: "windows", Arch: "amd64"}, {OS: "windows", Arch: "arm64"},
}

// plugin is the name under which kubectl finds a program as its command "wasmc".
const plugin = "kubectl-wasmc"

// Program returns the archive of a binary with the license, and its file name. Beside the binary is a link to it under the
// name of a plugin of kubectl; Windows, which has no links in archives, has none.
func Program(b *program.Binary, modified time.Time, license []byte) (file string, content []byte, err error) {
	base := strings.Join([]string{b.Program.Name, b.Version, b.Platform.OS, b.Platform.Arch}, "_")
	executable := b.Program.Name + b.Platform.Suffix()
	files := []File{{Name: "LICENSE", Mode: 0o644, Content: license}, {Name: executable, Mode: 0o755, Content: b.Content}}
	if b.Platform.OS == "windows" {
		file = base + ".zip"
		content, err = Zip(files, modified)
	} else {
		file = base + ".tar.gz"
		content, err = TarGz(append(files, File{Name: plugin, Mode: 0o777, LinkTo: executable}), modified)
	}
	if err != nil {
		return "", nil, fmt.Errorf("make %s: %w", file, err)
	}
	return file, content, nil
}
