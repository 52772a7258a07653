// SPDX-License-Identifier: Apache-2.0

package tab

import (
	"context"
	"fmt"
	"os"

	"github.com/chromedp/chromedp"

	"github.com/autowasm/autowasm/e2e/browser"
)

// Start starts a browser without a window, for the tabs that Open opens in the context that it returns. stop
// ends it and waits until it has.
func Start(ctx context.Context, p browser.Program) (started context.Context, stop func(), err error) {
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(p.Path), chromedp.Env(p.Env...), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.CombinedOutput(os.Stderr),
	)
	allocator, cancel := chromedp.NewExecAllocator(ctx, options...)
	started, _ = chromedp.NewContext(allocator)
	stop = func() {
		_ = chromedp.Cancel(started)
		cancel()
	}
	if err := chromedp.Do(started); err != nil {
		stop()
		return nil, nil, fmt.Errorf("start the browser %s: %w", p.Path, err)
	}
	return started, stop, nil
}
