//go:build unix

// SPDX-License-Identifier: Apache-2.0

package localenvoy

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSupervise: the program ends with its owner, and its files go with it.
func TestSupervise(t *testing.T) {
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	open, _ := io.Pipe()
	tests := map[string]struct {
		ctx     context.Context
		in      io.Reader
		program string
		ended   bool
		err     string
	}{
		"ends by itself":    {t.Context(), open, "exit 3", true, "exit status 3"},
		"succeeds":          {t.Context(), open, "exit 0", true, ""},
		"the owner is gone": {t.Context(), strings.NewReader(""), "exec sleep 600", false, ""},
		"interrupted":       {canceled, open, "exec sleep 600", false, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "files")
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			ended, err := Supervise(tt.ctx, tt.in, dir, []string{"/bin/sh", "-c", tt.program})
			if ended != tt.ended || (err == nil) != (tt.err == "") || err != nil && err.Error() != tt.err {
				t.Errorf("%t, %v, want %t, %q", ended, err, tt.ended, tt.err)
			}
			if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the files are left: %v", err)
			}
		})
	}
}

// TestEnded: an error about the end says what ended.
func TestEnded(t *testing.T) {
	tests := map[string]struct {
		reason string
		err    error
		want   string
	}{
		"Envoy fails":              {"exit status 3", nil, "Envoy ended: exit status 3; it logged no"},
		"the supervisor is killed": {"", errors.New("signal: killed"), "Envoy ended: its supervisor: signal: killed; it logged no"},
		"the supervisor is ended":  {"", nil, "Envoy ended: its supervisor received a signal to end; it logged no"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p := &Proxy{last: []string{"no"}}
			if got := p.ended(tt.reason, tt.err).Error(); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}
