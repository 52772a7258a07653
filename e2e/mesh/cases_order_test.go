// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestPriorities has AutoWasms of one workload run in the order of their priorities. Responses pass the filters
// backwards, so that the last of them adds its header first.
func TestPriorities(t *testing.T) {
	c, image := detailsCases(t), pushExample(t, "order")
	onPort := func(name, config string, priority int) autoWasm {
		return onDetails(name, image, fmt.Sprintf("applyPorts: [9081], config: %s, priority: %d", config, priority))
	}
	saying := func(values ...string) answers {
		return plain.but(answers{other: "200 " + strings.Join(values, ",")})
	}
	first, second := onPort("order-a", "a", 1), onPort("order-b", "b", 2)
	c.gradual(t, "two", saying("b", "a"), func() { applyAll(t, second, first) })
	c.step(t, "the first moves behind", saying("a", "b"), func() { onPort("order-a", "a", 3).apply(t) })
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
