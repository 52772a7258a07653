// SPDX-License-Identifier: Apache-2.0

package web

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"github.com/autowasm/autowasm/e2e/browser/tab"
	"github.com/autowasm/autowasm/web/webtest"
)

const many = 10_000

// scrolled is what a browser shows while it scrolls a list from its top to its end.
type scrolled struct {
	Frames  int     // drawn
	Longest float64 // of them, in milliseconds
	Late    int     // frames that took longer than two of a screen
	MaxRows int     // in the document
	Last    string  // row at the end
	Empty   int     // 1 when no row is at the middle of the list at the end
}

// scroll scrolls the list by some pixels each frame, from its top to its end in at most that many frames, and measures.
func scroll(page *tab.Tab, frames int) scrolled {
	page.Helper()
	return tab.Evaluate[scrolled](page, fmt.Sprintf(`(async () => {
		const viewport = document.querySelector('.viewport');
		const frame = () => new Promise(requestAnimationFrame);
		const found = {Frames: 0, Longest: 0, Late: 0, MaxRows: 0, Empty: 0, Last: ''};
		viewport.scrollTop = 0;
		await frame(); await frame();
		const step = Math.ceil((viewport.scrollHeight - viewport.clientHeight) / %d);
		const middle = viewport.getBoundingClientRect();
		let last = performance.now();
		while (viewport.scrollTop + viewport.clientHeight < viewport.scrollHeight - 1) {
			viewport.scrollTop += step;
			await frame();
			const now = performance.now();
			found.Frames++;
			found.Longest = Math.max(found.Longest, now - last);
			if (now - last > 34) found.Late++;
			last = now;
			found.MaxRows = Math.max(found.MaxRows, viewport.querySelectorAll('.row').length);
		}
		await frame(); await frame();
		const at = document.elementFromPoint(middle.x + 200, middle.y + middle.height / 2);
		if (!at.closest('.row')) found.Empty++;
		const rows = [...viewport.querySelectorAll('.row')].sort((a, b) => a.ariaRowIndex - b.ariaRowIndex);
		found.Last = rows.at(-1).querySelector('.c-name').textContent;
		return found;
	})()`, frames))
}

// ofMany opens the page of a cluster with 10,000 AutoWasms.
func ofMany(t testing.TB) *tab.Tab {
	t.Helper()
	c := webtest.NewCluster()
	c.Fill(many)
	page := open(t, serve(t, c, "127.0.0.1:0").url)
	page.Await(".levels", "All 10,000")
	page.Await("#connection", "Live")
	return page
}

// TestMany: of 10,000 AutoWasms all can be reached, while a few rows are in the document.
func TestMany(t *testing.T) {
	page := ofMany(t)
	found := scroll(page, 120)
	t.Logf("%+v", found)
	if found.MaxRows > 60 || found.MaxRows < 20 || found.Last != "team-499/filter-09999" || found.Empty > 0 {
		t.Errorf("while it scrolls: %+v", found)
	}
	page.Shoot(screenshot("many"))
	if got := tab.Evaluate[string](page, "document.querySelector('.grid').ariaRowCount"); got != "10001" {
		t.Errorf("the grid has %s rows, want the head and 10000", got)
	}

	tab.Evaluate[bool](page, "document.querySelector('.grid').focus() ?? true")
	page.Press(kb.Home, kb.End)
	page.Await(`.row[aria-selected="true"]`, "team-499/filter-09999")
	page.Press("/")
	page.Press("0", "7", "7", "7", "7")
	page.Await(".levels", "All 1", "Ready 1")
	page.Await(".list", "team-388/filter-07777")
	page.Await("#announcer", "1 AutoWasm of 10,000")
	page.Press(kb.ArrowDown, kb.Enter)
	page.Await(".content", "app=service-07777", "1 of 1 selected proxies")

	tab.Evaluate[string](page, "location.hash = '#/modules'")
	page.Await(".summary", "25 modules")
	page.Await(".list", "400") // of each
}

// BenchmarkScroll measures how smoothly 10,000 AutoWasms scroll: from the top to the end in 300 frames, 1,200 pixels each.
func BenchmarkScroll(b *testing.B) {
	page := ofMany(b)
	for b.Loop() {
		found := scroll(page, 300)
		b.ReportMetric(found.Longest, "ms-longest-frame")
		b.ReportMetric(float64(found.Late), "late-frames")
		b.ReportMetric(float64(found.MaxRows), "rows")
	}
}
