// SPDX-License-Identifier: Apache-2.0

package download

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestCacheDir(t *testing.T) {
	for name, tc := range map[string]struct{ own, xdg, want string }{
		"ours":    {"/own", "/xdg", "/own"},
		"xdg":     {"", "/xdg", "/xdg/autowasm"},
		"default": {"", "", "/home/somebody/.cache/autowasm"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("AUTOWASM_CACHE", tc.own)
			t.Setenv("XDG_CACHE_HOME", tc.xdg)
			t.Setenv("HOME", "/home/somebody")
			if got, err := CacheDir(); err != nil || got != tc.want {
				t.Errorf("CacheDir() = %s, %v, want %s", got, err, tc.want)
			}
		})
	}
}

// progress is what is announced.
type progress struct {
	mu    sync.Mutex
	lines []string
}

func (p *progress) announce(what string) (done func(error)) {
	return func(err error) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.lines = append(p.lines, fmt.Sprint(what, ": ", err))
	}
}

func TestOneProcessInstallsAProgram(t *testing.T) {
	dir := t.TempDir()
	p := Program{Path: filepath.Join(dir, "tool"), Name: "Tool", Version: "1.2.3", Size: "5 MB"}
	var installed atomic.Int32
	var processes sync.WaitGroup
	var said progress
	for range 3 {
		processes.Go(func() {
			c := Cache{Dir: dir, Announce: said.announce}
			err := c.Once(t.Context(), p, func() error {
				installed.Add(1)
				time.Sleep(20 * time.Millisecond) // in which the others begin to wait
				return os.WriteFile(p.Path, nil, 0o644)
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	processes.Wait()
	if want := []string{"downloading Tool 1.2.3, 5 MB: <nil>"}; installed.Load() != 1 || !slices.Equal(said.lines, want) {
		t.Errorf("installed %d times: %q", installed.Load(), said.lines)
	}
}

func TestAnInstallationFails(t *testing.T) {
	var said progress
	c := Cache{Dir: t.TempDir(), Announce: said.announce}
	p := Program{Path: filepath.Join(c.Dir, "tool"), Name: "Tool", Version: "1", Size: "5 MB"}
	broken := errors.New("no route to host")
	err := c.Once(t.Context(), p, func() error { return broken })
	if diff := cmp.Diff([]string{"downloading Tool 1, 5 MB: no route to host"}, said.lines); !errors.Is(err, broken) || diff != "" {
		t.Errorf("%v, %s", err, diff)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err = c.Once(t.Context(), p, func() error { return c.Once(ctx, p, nil) }) // whose lock the outer one holds
	if err == nil || !strings.HasPrefix(err.Error(), "wait for another download of Tool: ") {
		t.Errorf("while another installation goes on: %v", err)
	}
}
