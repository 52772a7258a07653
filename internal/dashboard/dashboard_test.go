// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"encoding/json"
	"flag"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the dashboard and the alerts")

const (
	dashboardFile = "../../manifests/charts/wasmer/files/dashboard.json"
	alertsFile    = "../../manifests/charts/wasmer/files/alerts.yaml"
	ruleTemplate  = "../../manifests/charts/wasmer/templates/monitoring/prometheusrule.yaml"
)

// TestTheChartHasWhatIsDefined: the dashboard of the panels, and the alerts.
func TestTheChartHasWhatIsDefined(t *testing.T) {
	for file, generate := range map[string]func() ([]byte, error){dashboardFile: JSON, alertsFile: Alerts} {
		got, err := generate()
		if err != nil {
			t.Fatal(err)
		}
		if *update {
			if err := os.WriteFile(file, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(read(t, file), string(got)); diff != "" {
			t.Errorf("run make generate (-%s +defined):\n%s", file, diff)
		}
	}
}

// TestTheAlertThatTheChartLeavesOutExists: by another name it would fire without end where no caBundle is known.
func TestTheAlertThatTheChartLeavesOutExists(t *testing.T) {
	if !strings.Contains(read(t, ruleTemplate), `(ne .alert "`+notTrusted+`")`) {
		t.Errorf("%s does not name %s", ruleTemplate, notTrusted)
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// expressions are those of all panels, by what has them.
func expressions() map[string]string {
	all := map[string]string{}
	for _, r := range rows {
		for _, p := range r.panels {
			for i, q := range p.queries {
				all[r.title+": "+p.title+" "+string(rune('A'+i))] = q.expr + " " + strings.Join(labelsOfLegend(q.legend), " ")
			}
		}
	}
	return all
}

func labelsOfLegend(legend string) []string {
	var all []string
	for _, match := range regexp.MustCompile(`\{\{(\w+)\}\}`).FindAllStringSubmatch(legend, -1) {
		all = append(all, "by ("+match[1]+")")
	}
	return all
}

var templated = regexp.MustCompile(`\$labels\.(\w+)`)

// alertExpressions are those of the alerts, with the labels that their texts use.
func alertExpressions() map[string]string {
	all := map[string]string{}
	for _, a := range alerts {
		all[a.name] = a.expr
		for _, label := range templated.FindAllStringSubmatch(a.summary+a.description, -1) {
			all[a.name] += " by (" + label[1] + ")"
		}
	}
	return all
}

// TestEveryMetricIsShown: the dashboard has each metric of wasmer's own.
func TestEveryMetricIsShown(t *testing.T) {
	shown := strings.Join(slices.Collect(maps.Values(expressions())), "\n")
	for name := range definitions(t) {
		if !regexp.MustCompile(`\b` + name + `(_bucket|_count)?\b`).MatchString(shown) {
			t.Errorf("no panel shows %s", name)
		}
	}
}

var (
	used     = regexp.MustCompile(`\b(wasmer_[a-z_]+)(?:\{([^}]*)\})?`)
	matched  = regexp.MustCompile(`(\w+)!?=~?"`)
	grouping = regexp.MustCompile(`by \(([^)]*)\)`)
)

// TestExpressionsFitTheMetrics: a metric of another name, or a label that it does not have, shows nothing and never fires.
func TestExpressionsFitTheMetrics(t *testing.T) {
	metrics := definitions(t)
	all := expressions()
	maps.Copy(all, alertExpressions())
	for name, expression := range all {
		for _, use := range used.FindAllStringSubmatch(expression, -1) {
			metric, ok := metrics[seriesOf(use[1], metrics)]
			if !ok {
				t.Errorf("%s: wasmer has no metric %s", name, use[1])
				continue
			}
			for _, label := range labelsIn(use[2], expression) {
				if !slices.Contains(append(metric.labels, "job", "instance", "le"), label) {
					t.Errorf("%s: %s has no label %s", name, use[1], label)
				}
			}
		}
	}
}

// seriesOf is the metric of a series: a histogram has some.
func seriesOf(name string, metrics map[string]definition) string {
	for _, suffix := range []string{"_bucket", "_count", "_sum"} {
		if metric, ok := strings.CutSuffix(name, suffix); ok && metrics[metric].kind == "Histogram" {
			return metric
		}
	}
	return name
}

func labelsIn(selector, expression string) []string {
	var all []string
	for _, match := range matched.FindAllStringSubmatch(selector, -1) {
		all = append(all, match[1])
	}
	for _, match := range grouping.FindAllStringSubmatch(expression, -1) {
		for label := range strings.SplitSeq(match[1], ",") {
			all = append(all, strings.TrimSpace(label))
		}
	}
	return all
}

// TestPanelsDoNotOverlap and have what Grafana wants of each.
func TestPanelsDoNotOverlap(t *testing.T) {
	raw, err := JSON()
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		Panels []struct {
			ID      int
			Title   string
			GridPos struct{ X, Y, W, H int }
		}
	}
	if err := json.Unmarshal(raw, &board); err != nil {
		t.Fatal(err)
	}
	taken, ids := map[[2]int]string{}, map[int]bool{}
	for _, p := range board.Panels {
		if ids[p.ID] || p.Title == "" || p.GridPos.X+p.GridPos.W > columns {
			t.Errorf("panel %+v", p)
		}
		ids[p.ID] = true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" {
					t.Fatalf("%s is on %s", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
	}
}
