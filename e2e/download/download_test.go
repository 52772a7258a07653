// SPDX-License-Identifier: Apache-2.0

package download

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/autowasm/autowasm/e2e/build"
)

func TestOneProcessInstallsAProgram(t *testing.T) {
	cache := t.TempDir()
	p := Program{Path: filepath.Join(cache, "tool"), Name: "Tool", Version: "1.2.3", Size: "5 MB"}
	var installed atomic.Int32
	var processes sync.WaitGroup
	progress := make([]strings.Builder, 3)
	for i := range progress {
		processes.Go(func() {
			b := &build.Builder{CacheDir: cache, Progress: &progress[i]}
			err := p.Once(t.Context(), b, func() error { installed.Add(1); return os.WriteFile(p.Path, nil, 0o644) })
			if err != nil {
				t.Error(err)
			}
		})
	}
	processes.Wait()
	printed := progress[0].String() + progress[1].String() + progress[2].String()
	if installed.Load() != 1 || strings.Count(printed, "downloading Tool 1.2.3, 5 MB … done") != 1 {
		t.Errorf("installed %d times: %q", installed.Load(), printed)
	}
}

func TestAnInstallationFails(t *testing.T) {
	var progress strings.Builder
	b := &build.Builder{CacheDir: t.TempDir(), Progress: &progress}
	p := Program{Path: filepath.Join(b.CacheDir, "tool"), Name: "Tool"}
	broken := errors.New("no route to host")
	err := p.Once(t.Context(), b, func() error { return broken })
	if !errors.Is(err, broken) || !strings.Contains(progress.String(), "failed after") {
		t.Errorf("%v, progress %q", err, progress.String())
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err = p.Once(t.Context(), b, func() error { return p.Once(ctx, b, nil) }) // whose lock the outer one holds
	if err == nil || !strings.HasPrefix(err.Error(), "wait for another download of Tool: ") {
		t.Errorf("while another installation goes on: %v", err)
	}
}
