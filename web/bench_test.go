// SPDX-License-Identifier: Apache-2.0

package web

import (
	"testing"
	"time"

	"github.com/autowasm/autowasm/web/webtest"
)

// BenchmarkRefresh: what a second of an open page costs with 10,000 AutoWasms, the first time and when nothing has changed.
func BenchmarkRefresh(b *testing.B) {
	c := webtest.NewCluster()
	c.Fill(10_000)
	for name, again := range map[string]bool{"First": false, "Unchanged": true} {
		b.Run(name, func(b *testing.B) {
			m := newServer(c).model
			b.ReportAllocs()
			for b.Loop() {
				m.refreshed = time.Time{}
				if !again {
					m.entries = nil
				}
				if err := m.refresh(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
