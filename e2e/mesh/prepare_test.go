// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"bytes"
	"context"
	"strings"
	"testing"
)

// TestPrepare: an Envoy that cannot be had is told of in one line, and is no error.
func TestPrepare(t *testing.T) {
	for name, tc := range map[string]struct {
		options Options
		envoy   string
		without bool
		says    []string
	}{
		"an Envoy":       {Options{}, "/bin/sh", false, nil},
		"none":           {Options{}, "/no/such/envoy", true, []string{"without proxies", "set ENVOY", "/no/such/envoy"}},
		"none is needed": {Options{WithoutProxies: true}, "/no/such/envoy", true, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("ENVOY", tc.envoy)
			var out bytes.Buffer
			got, err := Prepare(t.Context(), cluster.Builder(), tc.options, &out)
			if err != nil || got.WithoutProxies != tc.without {
				t.Errorf("%+v, %v", got, err)
			}
			if strings.Count(out.String(), "\n") != min(len(tc.says), 1) {
				t.Errorf("it says %q", out.String())
			}
			for _, words := range tc.says {
				if !strings.Contains(out.String(), words) {
					t.Errorf("it says %q, want %q in it", out.String(), words)
				}
			}
		})
	}
}

func TestPrepareIsCancelled(t *testing.T) {
	t.Setenv("ENVOY", "/no/such/envoy")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out bytes.Buffer
	if _, err := Prepare(ctx, cluster.Builder(), Options{}, &out); err != context.Canceled || out.Len() > 0 {
		t.Errorf("%v, %q", err, out.String())
	}
}
