// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestParse(t *testing.T) {
	passwords := filepath.Join(t.TempDir(), "htpasswd")
	if err := os.WriteFile(passwords, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		args []string
		want options
		ok   bool
	}{
		"all":                 {[]string{"--addr=127.0.0.1:1", "--storage=/s", "--htpasswd=" + passwords}, options{"127.0.0.1:1", "/s", passwords}, true},
		"open to everybody":   {[]string{"--storage=/s"}, options{"127.0.0.1:5000", "/s", ""}, true},
		"no storage":          {[]string{"--addr=127.0.0.1:1"}, options{}, false},
		"missing passwords":   {[]string{"--storage=/s", "--htpasswd=/does/not/exist"}, options{}, false},
		"not a flag of ours":  {[]string{"--storage=/s", "--delay=1s"}, options{}, false},
		"addr without value":  {[]string{"--storage=/s", "--addr"}, options{}, false},
		"positional argument": {[]string{"--storage=/s", "serve"}, options{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parse(tc.args)
			if (err == nil) != tc.ok {
				t.Fatalf("parse(%q): error %v", tc.args, err)
			}
			if err == nil && got != tc.want {
				t.Errorf("parse(%q) = %+v, want %+v", tc.args, got, tc.want)
			}
		})
	}
}

func TestConfigureAuthorisation(t *testing.T) {
	if c := configure(options{storage: "/s"}); c.Auth != nil {
		t.Errorf("a registry without passwords asks for %v", c.Auth)
	}
	c := configure(options{storage: "/s", htpasswd: "/p"})
	if got := c.Auth.Parameters()["path"]; got != "/p" {
		t.Errorf("password file is %v, want /p", got)
	}
}
