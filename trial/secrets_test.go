// SPDX-License-Identifier: Apache-2.0

package trial

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/autowasm/autowasm/host"
)

// TestValuesOfVariables are left out of what a module logs, however they are written, as long as they are whole.
func TestValuesOfVariables(t *testing.T) {
	token := strings.Repeat("0123456789abcdef", 128)
	for name, tt := range map[string]struct {
		values []string
		line   string
		want   string
	}{
		"alone":                  {[]string{"s3cret"}, "login s3cret failed", "login … failed"},
		"a prefix comes first":   {[]string{"admin", "admin-TOPSECRET"}, "login admin-TOPSECRET failed", "login … failed"},
		"a suffix comes first":   {[]string{"SECRET", "admin-TOPSECRET"}, "login admin-TOPSECRET failed", "login … failed"},
		"one begins in another":  {[]string{"user:pass", "pass@host"}, "dial user:pass@host", "dial …"},
		"with a line end":        {[]string{"s3cret-value\n"}, "login s3cret-value failed", "login … failed"},
		"with blanks":            {[]string{"\t s3cret value\r\n"}, "login s3cret value failed", "login … failed"},
		"line by line":           {[]string{"user\nTOPSECRET\n"}, "got TOPSECRET", "got …"},
		"quoted by Go and Rust":  {[]string{`pa"ss\word`}, fmt.Sprintf("login %q failed", `pa"ss\word`), `login "…" failed`},
		"quoted in ASCII":        {[]string{`pässword`}, fmt.Sprintf("login %+q failed", `pässword`), `login "…" failed`},
		"as JSON":                {[]string{"a\x01</b>"}, `{"password":"a\u0001</b>"}`, `{"password":"…"}`},
		"as JSON for HTML":       {[]string{"a\x01</b>"}, `{"password":"a\u0001\u003c/b\u003e"}`, `{"password":"…"}`},
		"trimmed and quoted":     {[]string{"pa\"ss\n"}, `login "pa\"ss" failed`, `login "…" failed`},
		"longer than a line":     {[]string{token}, "the token " + token + " has expired", "the token … has expired"},
		"twice":                  {[]string{"s3cret"}, "s3cret is not s3crets3cret", "… is not …"},
		"too short to be one":    {[]string{"yes", "on\n"}, "yes, it is on", "yes, it is on"},
		"too short when trimmed": {[]string{"  on\n"}, "yes, it is on", "yes, it is on"},
	} {
		t.Run(name, func(t *testing.T) {
			var env [][2]string
			for i, value := range tt.values {
				env = append(env, [2]string{fmt.Sprint("V", i), value})
			}
			whole, parts := newCollector(env), newCollector(env)
			whole.add(host.Line{Level: host.LevelError, Message: tt.line})
			for i := range len(tt.line) {
				parts.add(host.Line{Level: host.LevelError, Message: tt.line[i : i+1], Partial: true})
			}
			for _, c := range []*collector{whole, parts} {
				if diff := cmp.Diff([]string{tt.want}, c.lines()); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			}
		})
	}
}

// TestLongLinesAreBounded while they are collected, too.
func TestLongLinesAreBounded(t *testing.T) {
	c := newCollector(nil)
	for range 64 {
		c.add(host.Line{Level: host.LevelError, Message: strings.Repeat("x", maxRaw/2+1), Partial: true})
	}
	if len(c.part) > maxRaw {
		t.Errorf("%d bytes are kept of a line", len(c.part))
	}
}
