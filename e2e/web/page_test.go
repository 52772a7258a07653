// SPDX-License-Identifier: Apache-2.0

package web

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/e2e/browser/tab"
	"github.com/autowasm/autowasm/web/webtest"
)

// shop is a cluster with a Pod of three filters, one of which fails, and others.
func shop() *webtest.Cluster {
	c := webtest.NewCluster()
	c.PutPods(
		webtest.Pod("shop", "details-6b8d7-k9xwq", "details"), webtest.Pod("shop", "reviews-7c4f5-2hb6d", "reviews"),
		webtest.Pod("pay", "cards-5d9f8-zr4tp", "cards"),
	)
	priority := func(n int32) func(*v1alpha1.AutoWasm) {
		return func(aw *v1alpha1.AutoWasm) { aw.Spec.Filter.Priority = &n }
	}
	outbound := func(aw *v1alpha1.AutoWasm) {
		aw.Spec.Filter.Context, aw.Spec.Filter.ApplyPorts = v1alpha1.Outbound, []v1alpha1.Port{9080, 9443}
	}
	c.Put(
		webtest.AutoWasm("shop", "waf", "details", priority(-10)),
		webtest.AutoWasm("shop", "add-header", "details"),
		webtest.AutoWasm("shop", "audit-log", "details", priority(20), webtest.StartFails("details-6b8d7-k9xwq")),
		webtest.AutoWasm("shop", "trace", "details", outbound),
		webtest.AutoWasm("shop", "quota", "reviews", webtest.PortNotInService, webtest.ConfigRefused),
		webtest.AutoWasm("pay", "tokenize", "cards", webtest.Unavailable),
		webtest.AutoWasm("pay", "mask", "cards"),
	)
	return c
}

// TestViews has each view show what it is for, and keeps it as a screenshot.
func TestViews(t *testing.T) {
	url := serve(t, shop(), "127.0.0.1:0").url
	page := open(t, url)
	page.Await(".list", "shop/audit-log", "pay/tokenize", "shop/quota", "shop/waf")
	page.Await("#connection", "Live")
	page.Await(".levels", "All 7", "Failed 1", "Pending 1", "Attention 1", "Ready 4")
	page.Shoot(screenshot("autowasms"))

	page.Do(chromedp.Click(chromedp.CSS(`a[href="#/autowasms/shop/audit-log"]`)))
	page.Await(".content", "Failed", "ProxyStartFailed", "What to do", "kubectl -n shop logs details-6b8d7-k9xwq", "0 of 1 selected proxies run", "Start failed", "image registry.example/filters/audit-log:v1", "in force")
	page.Shoot(screenshot("autowasm-failed"))

	page.Do(chromedp.Click(chromedp.CSS(`td a[href^="#/proxies/shop/details"]`)))
	page.Await(".content", "Requests to the workload", "Requests of the workload")
	order := tab.Evaluate[[]string](page, `[...document.querySelectorAll('.chain')].map((chain) => [...chain.querySelectorAll('.line a')].map((a) => a.textContent).join(' '))`)
	if want := []string{"shop/waf shop/add-header shop/audit-log", "shop/trace"}; len(order) != 2 || order[0] != want[0] || order[1] != want[1] {
		t.Errorf("the filters are %q, want %q", order, want)
	}
	page.Shoot(screenshot("proxy"))

	page.Do(chromedp.Click(chromedp.CSS(`nav a[href="#/proxies"]`)))
	page.Await(".list", "Start failed", "details-6b8d7-k9xwq", "reviews-7c4f5-2hb6d")
	page.Await(".summary", "3 proxies, 2 with a filter that does not run")
	page.Shoot(screenshot("proxies"))

	page.Do(chromedp.Click(chromedp.CSS(`nav a[href="#/modules"]`)))
	page.Await(".list", webtest.SHA256("registry.example/filters/waf")[:12])
	page.Await(".summary", "6 modules")
	page.Shoot(screenshot("modules"))
	page.Do(chromedp.Click(chromedp.CSS(`.row a[href$="` + webtest.SHA256("registry.example/filters/waf") + `"]`)))
	page.Await("h2", "Used by 1 AutoWasm")
	page.Await(".list", "shop/waf")
	page.Shoot(screenshot("module"))

	page.Do(chromedp.Click(chromedp.CSS(`nav a[href="#/autowasms"]`)))
	page.Await(".list", "shop/quota")
	page.Do(chromedp.Click(chromedp.CSS(`a[href="#/autowasms/shop/quota"]`)))
	page.Await(".content", "Preflight: port 8080", "Its schema refuses the configuration: spec.filter.config.digits", "Tried, and fails: proxy_on_configure returned false")
	page.Shoot(screenshot("autowasm-attention"))

	page.Prefer("prefers-color-scheme", "dark")
	page.Do(chromedp.Click(chromedp.CSS(`nav a[href="#/autowasms"]`)))
	page.Await(".list", "shop/audit-log")
	page.Shoot(screenshot("autowasms-dark"))
	page.Do(chromedp.EmulateViewport(420, 800))
	page.Await(".list", "shop/audit-log")
	page.Shoot(screenshot("autowasms-narrow"))
}

// TestKeyboard uses the page without a mouse.
func TestKeyboard(t *testing.T) {
	url := serve(t, shop(), "127.0.0.1:0").url
	page := open(t, url)
	page.Await(".list", "shop/waf")
	focused := func(want string) {
		t.Helper()
		if got := page.Focused(); got != want {
			t.Errorf("%q has the focus, want %q", got, want)
		}
	}
	active := func(want string) {
		t.Helper()
		page.Await(`.row[aria-selected="true"] .c-name`, want)
		if got := tab.Evaluate[string](page, `document.getElementById(document.querySelector('.grid').getAttribute('aria-activedescendant')).querySelector('.c-name').textContent`); got != want {
			t.Errorf("the active row is %q, want %q", got, want)
		}
	}
	page.Press("/")
	focused("input Filter AutoWasms")
	page.Press("s", "h", "o", "p", "/")
	page.Await(".levels", "All 5")
	page.Press(kb.ArrowDown)
	focused("div grid AutoWasms")
	active("shop/audit-log")
	page.Press(kb.ArrowDown, kb.ArrowDown)
	active("shop/add-header")
	page.Press(kb.End)
	active("shop/waf")
	page.Press(kb.Home, kb.PageDown, kb.ArrowUp)
	active("shop/trace")
	page.Shoot(screenshot("keyboard"))
	page.Press(kb.Enter)
	page.Await("h1", "AutoWasm shop/trace")
	focused("h1")
	if got := tab.Evaluate[string](page, "document.title"); got != "shop/trace – AutoWasm" {
		t.Errorf("the title is %q", got)
	}
	page.Press(kb.Escape)
	page.Await(".levels", "All 5")
	focused("div grid AutoWasms")
	active("shop/trace")
	page.Press(kb.Escape)
	page.Await(".levels", "All 7")

	// Tab comes to everything in its order, and shows where it is.
	page.Do(chromedp.Reload())
	page.Await(".list", "shop/waf")
	for _, want := range []string{"a", "a", "a", "a", "input Filter AutoWasms", "button", "button", "button", "button", "button", "div grid AutoWasms"} {
		page.Press(kb.Tab)
		focused(want)
		if style := tab.Evaluate[string](page, `getComputedStyle(document.activeElement).outlineStyle`); style == "none" {
			t.Errorf("nothing shows that %q has the focus", want)
		}
	}
}

// TestLive: what changes in the cluster changes on the page, also after wasmer was away.
func TestLive(t *testing.T) {
	c := shop()
	server := serve(t, c, "127.0.0.1:0")
	page := open(t, server.url)
	page.Await("#connection", "Live")
	tab.Evaluate[bool](page, "window.stays = true")
	c.Put(webtest.AutoWasm("pay", "tokenize", "cards"))
	c.Delete("pay", "mask")
	page.Await(".levels", "All 6", "Pending 0", "Ready 4")
	if text := page.Text(".list"); strings.Contains(text, "pay/mask") {
		t.Errorf("what was deleted is there: %s", text)
	}

	page.Do(chromedp.Click(chromedp.CSS(`a[href="#/autowasms/shop/audit-log"]`)))
	page.Await(".content", "Failed", "0 of 1")
	c.Put(webtest.AutoWasm("shop", "audit-log", "details"))
	page.Await(".content", "Ready", "1 of 1")

	page.Expect("ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE_CHUNKED_ENCODING")
	server.stop()
	page.Await("#connection", "Connection lost")
	c.Put(webtest.AutoWasm("shop", "audit-log", "details", webtest.StartFails("details-6b8d7-k9xwq")))
	serve(t, c, server.url[len("http://"):])
	page.Await("#connection", "Live")
	page.Await(".content", "Failed", "0 of 1")
	if !tab.Evaluate[bool](page, "window.stays === true") {
		t.Error("the page was loaded again")
	}
}

// TestTextIsNoMarkup: what a tenant writes is text, wherever it is shown.
func TestTextIsNoMarkup(t *testing.T) {
	const evil = `<img src=x onerror="document.title='evil'"><script>document.title='evil'</script>`
	c := webtest.NewCluster()
	c.PutPods(webtest.Pod("shop", "details-1", "details"))
	c.Put(webtest.AutoWasm("shop", "evil", "details", func(aw *v1alpha1.AutoWasm) {
		webtest.StartFails("details-1")(aw)
		aw.Status.Proxies.NotRunning[0].Message = "proxy " + evil
		aw.Spec.Selector.MatchLabels["app"] = "details"
		aw.Spec.Filter.Source.Registry.Image = "image " + evil
		aw.Status.Module.Reference = "reference " + evil
		webtest.SetReady(aw, metav1.ConditionFalse, v1alpha1.ReasonProxyStartFailed, "message "+evil, 0)
	}))
	page := open(t, serve(t, c, "127.0.0.1:0").url)
	page.Expect("404") // for what there is not
	page.Await(".list", "message <img")
	for _, view := range [][]string{
		{"#/autowasms/shop/evil", "message <img", "proxy <img", "image <img", "reference <img"},
		{"#/proxies/shop/details-1", "proxy <img"},
		{"#/modules/" + webtest.SHA256("registry.example/filters/evil"), "image <img", "reference <img"},
		{"#/autowasms/%3Cimg%20src=x%3E/%E0%A4%A", "no such AutoWasm"},
	} {
		tab.Evaluate[string](page, "location.hash = "+tab.Quote(view[0]))
		page.Await("main", view[1:]...)
		if found := tab.Evaluate[int](page, `document.querySelectorAll('main img, main script, body > img').length`); found > 0 {
			t.Errorf("%s: %d elements were made of text", view[0], found)
		}
	}
	if title := tab.Evaluate[string](page, "document.title"); strings.Contains(title, "evil'") || title == "evil" {
		t.Errorf("the title is %q", title)
	}
}
