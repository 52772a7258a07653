// SPDX-License-Identifier: Apache-2.0

package web

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/google/go-cmp/cmp"

	"github.com/autowasm/autowasm/e2e/browser/tab"
)

// spoken is what a screen reader has of the page: role and name of each element that it knows, in its order.
func spoken(t *testing.T, page *tab.Tab, roles ...string) (lines []string) {
	t.Helper()
	for _, node := range tab.Call(page, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{}).Nodes {
		role, name := valueOf(node.Role), valueOf(node.Name)
		if slices.Contains(roles, role) && !node.Ignored {
			lines = append(lines, strings.Join(strings.Fields(role+": "+name), " "))
		}
	}
	return lines
}

func valueOf(v *accessibility.Value) string {
	if v == nil {
		return ""
	}
	text, err := strconv.Unquote(string(v.Value))
	if err != nil {
		return string(v.Value)
	}
	return text
}

// TestScreenReader: what a screen reader says of the page.
func TestScreenReader(t *testing.T) {
	page := open(t, serve(t, shop(), "127.0.0.1:0").url)
	page.Await(".list", "shop/waf")
	page.Await("#connection", "Live")
	want := []string{
		"banner:", "navigation: Views", "status:", "main:", "region: AutoWasms", "heading: AutoWasms", "searchbox: Filter AutoWasms",
		"group: State", "button: All 7", "button: Failed 1", "button: Pending 1", "button: Attention 1", "button: Ready 4",
		"grid: AutoWasms", "columnheader: State", "columnheader: AutoWasm", "columnheader: Proxies that run it",
		"columnheader: Why, or what it selects", "columnheader: Module", "columnheader: Since", "contentinfo:",
	}
	got := spoken(t, page, "banner", "navigation", "status", "main", "region", "heading", "searchbox", "group", "button", "grid", "columnheader", "contentinfo", "table")
	slices.Sort(want) // the tree comes level by level
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	rows := spoken(t, page, "row")
	if len(rows) != 8 || !strings.HasPrefix(rows[1], "row: Failed shop/audit-log 0 of 1 ProxyStartFailed: 0 of 1 selected proxies") {
		t.Errorf("the rows are %q", rows)
	}
	for _, view := range []string{"#/autowasms/shop/audit-log", "#/proxies/shop/details-6b8d7-k9xwq", "#/proxies", "#/modules"} {
		tab.Evaluate[string](page, "location.hash = "+tab.Quote(view))
		page.Await("main", "")
		for _, line := range spoken(t, page, "button", "link", "searchbox", "grid", "region", "heading", "table") {
			if strings.HasSuffix(line, ":") && line != "table:" {
				t.Errorf("%s has an element without a name: %s", view, line)
			}
		}
	}
}

// TestContrast: text is readable in both schemes, by the measure of WCAG 2 for AA.
func TestContrast(t *testing.T) {
	page := open(t, serve(t, shop(), "127.0.0.1:0").url)
	for _, scheme := range []string{"light", "dark"} {
		page.Prefer("prefers-color-scheme", scheme)
		color := func(name string) float64 {
			t.Helper()
			return luminance(t, tab.Evaluate[string](page, fmt.Sprintf("getComputedStyle(document.documentElement).getPropertyValue('--%s').trim()", name)))
		}
		for _, text := range []string{"text", "muted", "accent", "fine", "pending", "attention", "failed"} {
			for _, ground := range []string{"ground", "surface", "raised", "active"} {
				a, b := color(text), color(ground)
				if ratio := (math.Max(a, b) + .05) / (math.Min(a, b) + .05); ratio < 4.5 {
					t.Errorf("%s on %s in the %s scheme has a contrast of %.1f", text, ground, scheme, ratio)
				}
			}
		}
	}
	page.Prefer("prefers-reduced-motion", "reduce")
	if got := tab.Evaluate[string](page, "getComputedStyle(document.querySelector('button')).transitionDuration"); got != "0s" {
		t.Errorf("with reduced motion, a change takes %s", got)
	}
}

// luminance is that of a color such as #1c2024.
func luminance(t *testing.T, color string) float64 {
	t.Helper()
	value, err := strconv.ParseUint(strings.TrimPrefix(color, "#"), 16, 32)
	if err != nil || len(color) != 7 {
		t.Fatalf("the color %q", color)
	}
	part := func(shift int) float64 {
		c := float64(value>>shift&255) / 255
		if c <= 0.04045 {
			return c / 12.92
		}
		return math.Pow((c+0.055)/1.055, 2.4)
	}
	return 0.2126*part(16) + 0.7152*part(8) + 0.0722*part(0)
}
