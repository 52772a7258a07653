// SPDX-License-Identifier: Apache-2.0

package web

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/autowasm/autowasm/internal/status"
	"github.com/autowasm/autowasm/web/webtest"
)

// twoTeams has an AutoWasm that is Ready, one that fails, and one that waits.
func twoTeams() *webtest.Cluster {
	c := webtest.NewCluster()
	c.PutPods(webtest.Pod("shop", "details-1", "details"), webtest.Pod("pay", "cards-1", "cards"))
	c.Put(
		webtest.AutoWasm("shop", "headers", "details"),
		webtest.AutoWasm("pay", "audit", "cards", webtest.StartFails("cards-1")),
		webtest.AutoWasm("pay", "later", "cards", webtest.Unavailable),
	)
	return c
}

// TestPagesFollow: a page loads all rows and then each change, also on a connection that comes after a lost one.
func TestPagesFollow(t *testing.T) {
	c := twoTeams()
	url, _ := serve(t, c)
	before := decode[shownSnapshot](t, get(t, url+"/api/snapshot", http.StatusOK))
	if diff := cmp.Diff([]string{"pay/audit Failed", "pay/later Pending", "shop/headers Fine"}, names(before.AutoWasms)); diff != "" {
		t.Errorf("the rows (-want +got):\n%s", diff)
	}
	if before.Replica != "wasmer-0" || before.Wasmer != "v1" {
		t.Errorf("the page is of %q on %q", before.Wasmer, before.Replica)
	}

	stream := follow(t, url+"/api/events?since="+before.Version, "")
	c.Put(webtest.AutoWasm("pay", "later", "cards"))
	c.Delete("pay", "audit")
	first := stream.next()
	delta := decode[shownDelta](t, first.data)
	if diff := cmp.Diff([]string{"pay/later Fine"}, names(delta.Changed)); diff != "" || len(delta.Removed) != 1 || delta.Removed[0].Name != "audit" {
		t.Errorf("the change has %+v removed and these changed (-want +got):\n%s", delta.Removed, diff)
	}
	stream.close()

	other := follow(t, url+"/api/events?since="+before.Version, "") // keeps the versions coming
	c.Put(webtest.AutoWasm("shop", "more", "details"))
	if got := other.next(); got != first {
		t.Errorf("another page gets %+v, want %+v", got, first)
	}
	second := other.next()
	if got := follow(t, url+"/api/events?since="+before.Version, first.id).next(); got != second {
		t.Errorf("a page that comes back gets %+v, want %+v", got, second)
	}
	after := decode[shownSnapshot](t, get(t, url+"/api/snapshot", http.StatusOK))
	if after.Version != second.id || len(after.AutoWasms) != 3 {
		t.Errorf("the snapshot is of version %s with %v, want %s", after.Version, names(after.AutoWasms), second.id)
	}
	for _, stale := range []string{"", "x", "other-1", before.Version + "0"} {
		if got := follow(t, url+"/api/events?since="+stale, "").next(); got.name != "reset" {
			t.Errorf("since %q: %+v, want a reset", stale, got)
		}
	}
}

// TestPodsChangeRows: of all AutoWasms, those whose Pods change are made again.
func TestPodsChangeRows(t *testing.T) {
	c := twoTeams()
	m := newServer(c).model
	refresh := func() {
		t.Helper()
		m.refreshed = time.Time{}
		if err := m.refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	refresh()
	shop, pay := types.NamespacedName{Namespace: "shop", Name: "headers"}, types.NamespacedName{Namespace: "pay", Name: "later"}
	beforeShop, beforePay, number := m.entries[shop], m.entries[pay], m.number
	refresh()
	if m.entries[shop] != beforeShop || m.number != number {
		t.Errorf("version %d after %d, though nothing changed", m.number, number)
	}
	c.PutPods(webtest.Pod("shop", "details-2", "details"))
	refresh()
	if m.entries[shop] == beforeShop || m.entries[pay] != beforePay || m.number != number+1 {
		t.Errorf("version %d after %d; shop is made anew: %t, pay: %t", m.number, number, m.entries[shop] != beforeShop, m.entries[pay] != beforePay)
	}
	if got := len(m.entries[shop].report.Proxies.All); got != 2 {
		t.Errorf("it has %d proxies", got)
	}
}

// TestReadings: the cache is read once a second while pages are open, however many they are, and not at all without one.
func TestReadings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := twoTeams()
		m := newServer(c).model
		done := make(chan struct{})
		ctx, stop := context.WithCancel(t.Context())
		go func() { defer close(done); m.follow(ctx) }()
		time.Sleep(time.Hour)
		if got := c.Lists(); got != 0 {
			t.Errorf("%d lists without a page", got)
		}
		var leave []func()
		for range 20 {
			leave = append(leave, m.join())
		}
		time.Sleep(10 * time.Second)
		if got := c.Lists() / 3; got < 9 || got > 11 {
			t.Errorf("%d readings in ten seconds", got)
		}
		for _, f := range leave {
			f()
		}
		time.Sleep(2 * keepUnused)
		before := c.Lists()
		time.Sleep(time.Hour)
		stop()
		<-done
		if got := c.Lists(); got != before || m.entries != nil {
			t.Errorf("%d lists after the last page, %d AutoWasms are kept", got-before, len(m.entries))
		}
	})
}

// TestSlowReadings: what takes long is not done often.
func TestSlowReadings(t *testing.T) {
	for took, pause := range map[time.Duration]time.Duration{
		time.Millisecond: refreshInterval, 200 * time.Millisecond: 2 * time.Second, time.Minute: maxInterval,
	} {
		now := time.Unix(0, 0)
		m := newModel(Options{Reader: twoTeams()}, func() time.Time { return now })
		readAt := func(at time.Time) bool {
			now = at
			before := m.refreshed
			if err := m.refresh(t.Context()); err != nil {
				t.Fatal(err)
			}
			return m.refreshed != before
		}
		readAt(now)
		m.took = took
		if readAt(now.Add(pause-time.Millisecond)) || !readAt(now.Add(time.Millisecond)) {
			t.Errorf("after a reading of %s, the next is not after %s", took, pause)
		}
	}
}

// TestStreamsAreBounded: a page too many is refused, and one that is closed leaves its place.
func TestStreamsAreBounded(t *testing.T) {
	url, s := serve(t, twoTeams())
	version := decode[shownSnapshot](t, get(t, url+"/api/snapshot", http.StatusOK)).Version
	var open []*events
	for range maxStreams {
		open = append(open, follow(t, url+"/api/events?since="+version, ""))
	}
	if got := get(t, url+"/api/events?since="+version, http.StatusServiceUnavailable); !strings.Contains(got, "32 pages are open already") {
		t.Errorf("the answer is %q", got)
	}
	open[0].close()
	for len(s.streams) == maxStreams {
		time.Sleep(time.Millisecond)
	}
	follow(t, url+"/api/events?since="+version, "")
}

// TestChangesAreBounded: who is too far behind, or missed a change that was too large, loads all rows again.
func TestChangesAreBounded(t *testing.T) {
	tests := map[string]struct {
		changes, size int
		known         bool
	}{
		"all that are kept": {maxChanges, 10, true},
		"one more":          {maxChanges + 1, 10, false},
		"a large one":       {1, maxChangeBytes, false},
		"large in all":      {3, maxChangeBytes / 3, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			m := newModel(Options{}, time.Now)
			m.advance(change{}, true)
			version := m.version()
			for range tt.changes {
				m.advance(change{changed: [][]byte{make([]byte, tt.size)}}, false)
			}
			changes, known, _ := m.since(version)
			if known != tt.known || (known && len(changes) != tt.changes) {
				t.Errorf("known %t with %d changes", known, len(changes))
			}
			if _, known, _ := m.since(m.version()); !known || m.log.bytes > maxChangeBytes {
				t.Errorf("the present version is known: %t; %d bytes are kept", known, m.log.bytes)
			}
		})
	}
}

// TestRowsAreBounded: of very many AutoWasms, not all are shown, and the page says so.
func TestRowsAreBounded(t *testing.T) {
	m := newModel(Options{}, time.Now)
	m.entries = map[types.NamespacedName]*entry{}
	for i := range maxRows + 7 {
		name := fmt.Sprint("f", i)
		m.entries[types.NamespacedName{Name: name}] = &entry{report: status.Report{Name: name}, row: []byte("{}")}
	}
	e, err := m.encodeSnapshot()
	if err != nil {
		t.Fatal(err)
	}
	got := decode[shownSnapshot](t, gunzip(t, e))
	if len(got.AutoWasms) != maxRows || got.Omitted != 7 {
		t.Errorf("%d rows, %d omitted", len(got.AutoWasms), got.Omitted)
	}
}

// TestWithoutPods: without the right to list Pods, the page says so.
func TestWithoutPods(t *testing.T) {
	s := newServer(twoTeams())
	s.model.o.HasPods = func() bool { return false }
	if err := s.model.refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, e := range s.model.entries {
		if got := e.report.Proxies.Message; got != "wasmer may not list Pods" {
			t.Errorf("%s: %q", e.report.Name, got)
		}
	}
}

// TestMeshWide: an AutoWasm of the root namespace selects the Pods of all.
func TestMeshWide(t *testing.T) {
	c := twoTeams()
	c.Put(webtest.AutoWasm("istio-system", "all", "details"))
	c.PutPods(webtest.Pod("other", "details-9", "details"), &corev1.Pod{})
	m := newServer(c).model
	if err := m.refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	report := m.entries[types.NamespacedName{Namespace: "istio-system", Name: "all"}].report
	if got := len(report.Proxies.All); got != 2 || !report.Selects.MeshWide {
		t.Errorf("%d proxies, mesh-wide %t", got, report.Selects.MeshWide)
	}
}
