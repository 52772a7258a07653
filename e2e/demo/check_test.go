// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestCheck(t *testing.T) {
	const after = 9 * time.Second
	for name, tc := range map[string]struct {
		step   step
		answer string
		ok     bool
	}{
		"nothing is asked":             {step{}, "x", true},
		"the words are there":          {step{shows: []string{"a", "b"}}, "b a", true},
		"a word is missing":            {step{shows: []string{"a", "b"}}, "a", false},
		"a word is not there":          {step{lacks: []string{"hello:"}}, "HTTP/1.1 200 OK", true},
		"a word that must not be":      {step{lacks: []string{"hello:"}}, "hello: world", false},
		"the same word":                {step{same: true}, "ab -\nab\n", true},
		"another word":                 {step{same: true}, "ab -\nac\n", false},
		"no word":                      {step{same: true}, "ab\n\nab", false},
		"older than the demo":          {step{older: true}, `"uptime_current_epoch": "12s"`, true},
		"as old, in whole seconds":     {step{older: true}, `"uptime_current_epoch": "8s"`, true},
		"younger":                      {step{older: true}, `"uptime_current_epoch": "6s"`, false},
		"it does not say how old":      {step{older: true}, "", false},
		"an age that is not a number":  {step{older: true}, `"uptime_current_epoch": "-1s"`, false},
		"an age that no number can be": {step{older: true}, `"uptime_current_epoch": "99999999999999999999s"`, false},
	} {
		if err := tc.step.check(tc.answer, time.Now().Add(-after)); (err == nil) != tc.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestNoProxyIsAskedInTheFirstHalf, in which there may be none, nor an istiod.
func TestNoProxyIsAskedInTheFirstHalf(t *testing.T) {
	for _, s := range withoutProxies() {
		if s.older || strings.Contains(s.run, "ENVOY") {
			t.Errorf("this step asks a proxy: %s", s.run)
		}
	}
	if !slices.ContainsFunc(withProxies(), func(s step) bool { return s.older }) {
		t.Error("no step of the second half asks a proxy")
	}
}
