// SPDX-License-Identifier: Apache-2.0

package web

import (
	"context"
	"net"
	"path/filepath"
	"sync"
	"testing"

	"github.com/autowasm/autowasm/e2e/browser/tab"
	"github.com/autowasm/autowasm/web"
	"github.com/autowasm/autowasm/web/webtest"
)

// page is a server of the page of a cluster.
type page struct {
	url  string
	stop func()
}

// serve serves the page of a cluster at an address until the test ends or stop is called.
func serve(t testing.TB, c *webtest.Cluster, address string) page {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	server := web.New(web.Options{
		Address: address, Reader: c, HasPods: func() bool { return true }, RootNamespace: "istio-system", Replica: "wasmer-5c9f7d-x2x8q", Version: "v0.1.0",
	})
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := server.Serve(ctx, listener); err != nil {
			t.Error(err)
		}
	})
	stop := func() { cancel(); running.Wait() }
	t.Cleanup(stop)
	return page{"http://" + listener.Addr().String(), stop}
}

// open opens a page in a tab of its own.
func open(t testing.TB, url string) *tab.Tab {
	t.Helper()
	return tab.Open(t, chromium, url)
}

// screenshot is the path of the screenshot of this name.
func screenshot(name string) string { return filepath.Join(screenshots, name+".png") }
