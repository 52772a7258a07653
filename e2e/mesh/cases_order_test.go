// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/autowasm/autowasm/e2e/suite"
)

// TestPriorities has AutoWasms of one workload run in the order of their priorities. Responses pass the filters
// backwards, so that the last of them adds its header first.
func TestPriorities(t *testing.T) {
	c, image := detailsCases(t), pushSmall(t, "order")
	onPort := func(name, config string, priority int) autoWasm {
		return onDetails(name, image, fmt.Sprintf("applyPorts: [9081], config: %s, priority: %d", config, priority))
	}
	saying := func(values ...string) answers {
		return plain.but(answers{other: "200 " + strings.Join(values, ",")})
	}
	first, second := onPort("order-a", "a", 1), onPort("order-b", "b", 2)
	c.gradual(t, "two", saying("b", "a"), func() { applyAll(t, second, first) })
	requireOrderOnPage(t, "order-a", "order-b")
	c.step(t, "the first moves behind", saying("a", "b"), func() { onPort("order-a", "a", 3).apply(t) })
	requireOrderOnPage(t, "order-b", "order-a")
	c.step(t, "and before", saying("b", "a"), func() { onPort("order-a", "a", -1).apply(t) })

	ten, values := []autoWasm{first, second}, []string{"a", "b"}
	for i := 3; i <= 10; i++ {
		value := string(rune('a' + i - 1))
		ten, values = append(ten, onPort("order-"+value, value, i)), append(values, value)
	}
	slices.Reverse(values)
	c.gradual(t, "ten", saying(values...), func() { applyAll(t, ten...) })
	c.step(t, "one removed", saying(slices.DeleteFunc(values, func(v string) bool { return v == "e" })...), func() { ten[4].delete(t) })
	c.gradual(t, "all removed", plain, func() { deleteAll(t, ten...) })
}

// requireOrderOnPage waits until the page of wasmer has these filters on the sidecar of details, in this order, which is that
// of the headers above.
func requireOrderOnPage(t *testing.T, want ...string) {
	t.Helper()
	suite.Eventually(t, func(ctx context.Context) error {
		got, err := orderOnPage(ctx, mesh.Sidecar)
		if err == nil && !slices.Equal(got, want) {
			err = fmt.Errorf("the page has the filters %q, want %q", got, want)
		}
		return err
	})
}

// orderOnPage are the AutoWasms that the page has on a proxy and that run.
func orderOnPage(ctx context.Context, p *Proxy) (running []string, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, cluster.Wasmer().WebURL+"/api/proxies/"+p.Pod.Namespace+"/"+p.Pod.Name, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	var page struct {
		Filters []struct {
			Name  string
			Proxy struct{ State string }
		}
	}
	if err := json.NewDecoder(response.Body).Decode(&page); err != nil {
		return nil, fmt.Errorf("read the filters of a proxy: %s: %w", response.Status, err)
	}
	for _, f := range page.Filters {
		if f.Proxy.State == "Running" {
			running = append(running, f.Name)
		}
	}
	return running, nil
}
