// SPDX-License-Identifier: Apache-2.0

package proxies

import (
	"fmt"
	"testing"
	"time"
)

// hang adds Pods of a namespace whose proxies do not answer, and as many AutoWasms for them.
func (r *running) hang(namespace string, n int) {
	for i := range n {
		ip := fmt.Sprintf("10.1.%d.%d", i/250, i%250)
		r.run(fmt.Sprint("hanging-", i), ip, unreachable(errUnreachable).after(DefaultTimeout))
		r.edit(func(c *cluster) { c.pods[len(c.pods)-1].Namespace = namespace })
	}
	for i := range n {
		r.put(inCluster(named(fmt.Sprint(i)), func(a *applied) { a.aw.Namespace = namespace }))
	}
}

// However many AutoWasms a namespace has, and however many of its proxies do not answer: those of others are scraped as
// soon as if there were none.
func TestANamespaceDelaysNoScrapeOfAnother(t *testing.T) {
	inMesh(t, func(t *testing.T, r *running) {
		r.hang("greedy", 500)
		pass(time.Second)
		for i := range 20 {
			r.run(fmt.Sprint("a-", i), fmt.Sprint("10.0.0.", i), runs(plugin1))
		}
		r.put(inCluster())
		began := time.Now()
		for r.put(inCluster()) != "20 of 20 selected proxies run the module" && time.Since(began) < time.Minute {
			pass(firstScrape)
		}
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("it is known after %s", took)
		}
	})
}
