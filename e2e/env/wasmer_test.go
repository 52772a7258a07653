// SPDX-License-Identifier: Apache-2.0

package env

import (
	"slices"
	"testing"
)

func TestWebhookWanted(t *testing.T) {
	for _, tc := range []struct {
		flags []string
		want  bool
	}{
		{nil, true},
		{[]string{"--stage=false"}, true},
		{[]string{"--webhook=false"}, false},
		{[]string{"-webhook=false"}, false},
		{[]string{"--webhook=false", "--webhook=true"}, true},
		{[]string{"--webhook", "--webhook-url=false"}, true},
	} {
		if got := webhookWanted(tc.flags); got != tc.want {
			t.Errorf("webhookWanted(%q) = %t", tc.flags, got)
		}
	}
}

// TestFlagsOverride keeps the caller's flags behind the environment's, where they win.
func TestFlagsOverride(t *testing.T) {
	e := environment(t, nil)
	e.options.WasmerFlags = []string{"--budget=1s"}
	w := e.NewWasmer("second")
	w.flags = []string{"--base-url=http://example"}
	args := w.command([]int{1, 2, 3, 4, 5}).Args
	if got := args[len(args)-2:]; !slices.Equal(got, []string{"--budget=1s", "--base-url=http://example"}) {
		t.Errorf("the last flags are %q", got)
	}
	for _, want := range []string{
		"--module-address=127.0.0.1:1", "--base-url=http://127.0.0.1:1", "--metrics-address=127.0.0.1:2",
		"--health-address=127.0.0.1:3", "--webhook-port=4", "--webhook-url=https://127.0.0.1:4", "--web-address=127.0.0.1:5",
	} {
		if !slices.Contains(args, want) {
			t.Errorf("%s is not among %q", want, args)
		}
	}
}
