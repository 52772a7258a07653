// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/autowasm/autowasm/e2e/env"
	"github.com/autowasm/autowasm/e2e/suite"
)

// diagnosedStats are the statistics of a proxy that tell why a filter does not run.
const diagnosedStats = `^(server\.(state|live|uptime)|listener_manager\.|wasm|cluster\.xds-grpc.*(_rq_total|cx_active))`

// diagnosedLines is how much of a proxy's log is shown.
const diagnosedLines = 15

// diagnoseProxies has a wait of the test that runs out of time say how these proxies are then.
func diagnoseProxies(t testing.TB, all ...*Proxy) {
	for _, p := range all {
		suite.OnTimeout(t, p.describe)
	}
}

// describe is how a proxy is: what it answers its probes, its listeners, some statistics and the end of its log.
func (p *Proxy) describe(ctx context.Context) string {
	var text strings.Builder
	fmt.Fprintf(&text, "the proxy of Pod %s: running %t, ready: %v\n", p.Pod, p.Running(), p.Ready(ctx))
	listeners, err := listenersOf(ctx, p)
	fmt.Fprintf(&text, "listeners (%v):\n%s", err, describeListeners(listeners))
	stats, err := adminPage(ctx, p, "/stats?filter="+url.QueryEscape(diagnosedStats))
	fmt.Fprintf(&text, "statistics (%v):\n%s", err, stats)
	lines, err := env.Tail(p.Log(), diagnosedLines)
	fmt.Fprintf(&text, "log %s (%v):\n%s", p.Log(), err, strings.Join(lines, "\n"))
	return text.String()
}

// ourFilters are the names of AutoWasm's filters in a proxy's configuration.
var ourFilters = regexp.MustCompile(`"autowasm\.[^"]*"`)

// describeListeners is a line for each state of each listener, with the filters of ours in it.
func describeListeners(all []listener) string {
	var lines []string
	for _, l := range all {
		for state, config := range map[string]json.RawMessage{"active": l.Active, "warming": l.Warming, "draining": l.Draining} {
			if config != nil {
				names := ourFilters.FindAllString(string(config), -1)
				lines = append(lines, fmt.Sprintf("%s is %s with %s\n", l.Name, state, slices.Compact(names)))
			}
		}
		if l.Refused != nil {
			lines = append(lines, fmt.Sprintf("%s was refused: %.1000s\n", l.Name, l.Refused))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}
