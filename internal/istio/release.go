// SPDX-License-Identifier: Apache-2.0

package istio

import (
	"fmt"
	"regexp"
	"strconv"
)

// The tested range, in minor versions of Istio 1: those whose proxies have the Envoys that this project's tests run on, the
// official 1.39 and 1.40. Istio's own builds of them are not run.
const (
	OldestTested = 31
	NewestTested = 32
)

// EnvoyMinor is the difference between the minor version of Envoy and that of the Istio that has it: 1.31 has 1.39.
const EnvoyMinor = 8

// TestedExpression is a spec.filter.proxyVersion that matches the tested range.
const TestedExpression = `^1\.3[12]\.`

// crashing are the minor versions of Istio 1 with Envoy 1.36 and 1.37: the official builds die when their first Wasm filter
// comes to a listener that runs, on processors with memory protection keys. Istio's builds of them were not tried.
var crashing = map[int]bool{28: true, 29: true}

// versionPattern is the beginning of a version by which istiod tells them apart.
var versionPattern = regexp.MustCompile(`^(?:release-)?([0-9]{1,4})\.([0-9]{1,4})(?:[.-]|$)`)

// Release is a minor version of Istio.
type Release struct{ Major, Minor int }

// ReleaseOf returns that of a version, such as 1.31.1; false when the version is not one of a release, such as that of
// one's own build.
func ReleaseOf(version string) (Release, bool) {
	match := versionPattern.FindStringSubmatch(version)
	if match == nil {
		return Release{}, false
	}
	major, _ := strconv.Atoi(match[1]) // up to four digits
	minor, _ := strconv.Atoi(match[2])
	return Release{major, minor}, true
}

// String returns the version as 1.31.
func (r Release) String() string { return fmt.Sprintf("%d.%d", r.Major, r.Minor) }

// Tested reports whether the release is in the tested range.
func (r Release) Tested() bool {
	return r.Major == 1 && r.Minor >= OldestTested && r.Minor <= NewestTested
}

// IsUntested reports whether a version is known to be outside of the tested range.
func IsUntested(version string) bool {
	r, known := ReleaseOf(version)
	return known && !r.Tested()
}

// Crashes reports whether proxies of the release may die of their first Wasm filter.
func (r Release) Crashes() bool { return r.Major == 1 && crashing[r.Minor] }
