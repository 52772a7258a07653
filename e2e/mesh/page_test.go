// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/autowasm/autowasm/e2e/browser"
	"github.com/autowasm/autowasm/e2e/browser/tab"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
)

// TestPage: a browser shows what becomes of a real AutoWasm while that happens: its filter runs, and then another module does
// not start.
func TestPage(t *testing.T) {
	t.Parallel()
	w := workload(t, "page")
	sidecar(t, w, ProxyOptions{})
	page := tab.Open(t, chromium(t), cluster.Wasmer().WebURL+"/#/autowasms/"+namespace+"/page")
	page.Expect("404") // as long as there is none
	page.Await("#connection", "Live")
	page.Await(".content", "no such AutoWasm")

	good := onWorkload(w, "page", pushModule(t, "page:v1", moduleSaying(t, "earth")), "applyPorts: [9081]")
	good.apply(t)
	page.Await(".content", "Ready", "1 of 1 selected proxies run the module", "page:v1", "in force")
	requireTruth(t, good, w.URL(OtherPort), "200 earth")
	page.Shoot(filepath.Join(cluster.Checkout, "bin", "web", "real-ready.png"))

	trap := wasmtest.Module(wasmtest.Export("proxy_on_vm_start", "ii:i"), wasmtest.Salt("page"))
	onWorkload(w, "page", pushModule(t, "page:v2", trap), "applyPorts: [9081]").apply(t)
	page.Await(".content", "Failed", "ProxyStartFailed", "What to do", "Start failed")
	page.Shoot(filepath.Join(cluster.Checkout, "bin", "web", "real-failed.png"))
}

// chromium starts a browser that ends with the test.
func chromium(t *testing.T) context.Context {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(cluster.Checkout, "bin", "web"), 0o755); err != nil {
		t.Fatal(err)
	}
	program, err := browser.Find(t.Context(), cluster.Builder())
	if err != nil {
		t.Fatal(err)
	}
	started, stop, err := tab.Start(context.WithoutCancel(t.Context()), program)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return started
}
