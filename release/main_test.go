// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"flag"
	"strings"
	"testing"
)

// TestCommandLine: what is wrong with it is said before anything is made.
func TestCommandLine(t *testing.T) {
	for line, want := range map[string]string{
		"": "usage: release", "archive": "usage: release", "image x": `unexpected argument "x"`, "archives -out o x": `unexpected argument "x"`, "notes x": `unexpected argument "x"`,
		"image -platforms linux": `platform "linux"`, "archives -platforms linux": `platform "linux"`,
	} {
		if err := run(t.Context(), strings.Fields(line)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("release %s: %v, want %q", line, err, want)
		}
	}
	if err := run(t.Context(), []string{"image", "-help"}); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("help: %v", err)
	}
}
