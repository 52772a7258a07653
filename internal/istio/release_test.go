// SPDX-License-Identifier: Apache-2.0

package istio_test

import (
	"fmt"
	"regexp"
	"testing"

	"github.com/autowasm/autowasm/internal/istio"
)

func TestTheTestedRange(t *testing.T) {
	for version, want := range map[string]string{
		"1.31.0": "tested", "1.32.4": "tested", "1.31-alpha.1a2b": "tested", "release-1.31-dev": "tested", "1.31": "tested",
		"1.28.1": "crashes", "1.29.0-distroless": "crashes", "release-1.28": "crashes",
		"1.27.9": "untested", "1.30.2": "untested", "1.33.0": "untested", "2.31.0": "untested", "1.280.1": "untested",
		"": "unknown", "unknown": "unknown", "1a2b3c": "unknown", "31.": "unknown", "1.28x": "unknown", "1.99999999999999999999.1": "unknown",
	} {
		got := "unknown"
		if r, known := istio.ReleaseOf(version); known {
			switch {
			case r.Tested():
				got = "tested"
			case r.Crashes():
				got = "crashes"
			default:
				got = "untested"
			}
		}
		if got != want {
			t.Errorf("%q is %s, want %s", version, got, want)
		}
	}
}

// TestTheProposedExpression: what a message proposes excludes exactly what is not tested.
func TestTheProposedExpression(t *testing.T) {
	for minor := range 50 {
		version := fmt.Sprintf("1.%d.0", minor)
		r, _ := istio.ReleaseOf(version)
		if matched := regexp.MustCompile(istio.TestedExpression).MatchString(version); matched != r.Tested() {
			t.Errorf("%s matches %s: %t", istio.TestedExpression, version, matched)
		}
	}
}
