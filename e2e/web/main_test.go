// SPDX-License-Identifier: Apache-2.0

package web

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/autowasm/autowasm/e2e/browser"
	"github.com/autowasm/autowasm/e2e/browser/tab"
	"github.com/autowasm/autowasm/e2e/build"
)

var (
	// chromium has a tab for each test.
	chromium context.Context
	// screenshots is their directory.
	screenshots string
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	log.SetLogger(logr.Discard())
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Minute)
	defer cancel()
	stop, err := start(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer stop()
	return m.Run()
}

func start(ctx context.Context) (stop func(), err error) {
	b, err := build.NewBuilder("", "", os.Stderr)
	if err != nil {
		return nil, err
	}
	screenshots = filepath.Join(b.Checkout, "bin", "web")
	if err := os.MkdirAll(screenshots, 0o755); err != nil {
		return nil, fmt.Errorf("make the directory of the screenshots: %w", err)
	}
	program, err := browser.Find(ctx, b)
	if err != nil {
		return nil, err
	}
	chromium, stop, err = tab.Start(ctx, program)
	return stop, err
}
