package preflight

import (
	"fmt"
	"regexp"
	"strconv"
)

// Untested says what is done about selected proxies outside of the tested range.
type Untested string

// What can be done.
const (
	// AllowUntested says nothing.
	AllowUntested Untested = "Allow"
	// WarnUntested makes a finding of them.
	WarnUntested Untested = "Warn"
	// RefuseUntested makes a finding of them that denies.
	RefuseUntested Untested = "Refuse"
)

// The tested range, in minor versions of Istio 1: those whose proxies have the Envoys that this project's tests run on, the
// official 1.39 and 1.40. Istio 1.N has Envoy 1.(N+8). Istio's own builds of them are not run.
const (
	oldestTested = 31
	newestTested = 32
)

// EnvoyOfIstio is the difference between the minor version of Envoy and that of the Istio that has it.
const EnvoyOfIstio = 8

// TestedRange returns the oldest and the newest minor version of Istio 1 whose proxies are within the tested range.
func TestedRange() (oldest, newest int) { return oldestTested, newestTested }

// crashing are the minor versions of Istio 1 with Envoy 1.36 and 1.37: the official builds die when their first Wasm filter
// comes to a listener that runs, on processors with memory protection keys. Istio's builds of them were not tried.
var crashing = map[int]bool{28: true, 29: true}

// testedExpression is a spec.filter.proxyVersion that matches the tested range.
const testedExpression = `^1\.3[12]\.`

// istioVersion is the beginning of a version by which istiod tells them apart.
var istioVersion = regexp.MustCompile(`^(?:release-)?([0-9]{1,4})\.([0-9]{1,4})(?:[.-]|$)`)

// release is a minor version of Istio.
type release struct{ major, minor int }

// releaseOf returns that of a version; false when the version is not one of a release, such as that of one's own build.
func releaseOf(version string) (release, bool) {
	match := istioVersion.FindStringSubmatch(version)
	if match == nil {
		return release{}, false
	}
	major, _ := strconv.Atoi(match[1]) // up to four digits
	minor, _ := strconv.Atoi(match[2])
	return release{major, minor}, true
}

func (r release) String() string { return fmt.Sprintf("%d.%d", r.major, r.minor) }

func (r release) tested() bool {
	return r.major == 1 && r.minor >= oldestTested && r.minor <= newestTested
}

func (r release) crashes() bool { return r.major == 1 && crashing[r.minor] }

// outside reports whether a version is known to be outside of the tested range.
func outside(version string) bool {
	r, known := releaseOf(version)
	return known && !r.tested()
}
