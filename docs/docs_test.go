// SPDX-License-Identifier: Apache-2.0

// Package docs_test holds the documentation to the code: what the code has is
// documented, and what is documented exists.
package docs_test

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// unique are the first groups of all matches, in order.
func unique(text, expression string) []string {
	var found []string
	for _, match := range regexp.MustCompile(expression).FindAllStringSubmatch(text, -1) {
		found = append(found, match[1])
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// firstCells are the first cells in code font of the rows of all tables.
func firstCells(text, expression string) []string {
	return unique(text, "(?m)^\\| `("+expression+")` +\\|")
}

// sources are the Go files below directories, without their tests.
func sources(t *testing.T, dirs ...string) string {
	t.Helper()
	var all strings.Builder
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
			if err == nil && strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
				all.WriteString(read(t, path))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all.String()
}

func TestEveryMetricIsDocumented(t *testing.T) {
	have := unique(sources(t, "../fetch", "../webhook", "../controller", "../certs", "../trial", "../cmd/wasmer"), `"(wasmer_[a-z_]+)"`)
	if len(have) == 0 {
		t.Fatal("there are no metrics in the code")
	}
	if diff := cmp.Diff(have, firstCells(read(t, "operations.md"), "wasmer_[a-z_]+")); diff != "" {
		t.Errorf("metrics in the code (-) and in operations.md (+):\n%s", diff)
	}
}

// TestAlertsUseMetricsThatExist: a rule on a metric with another name never fires.
func TestAlertsUseMetricsThatExist(t *testing.T) {
	rules := read(t, "../manifests/charts/wasmer/files/alerts.yaml")
	documented := firstCells(read(t, "operations.md"), "wasmer_[a-z_]+")
	used := unique(rules, `\b(wasmer_[a-z_]+)`)
	if len(used) < 4 {
		t.Fatalf("the rules' metrics are not found any more: %v", used)
	}
	for _, metric := range used {
		if !slices.Contains(documented, strings.TrimSuffix(metric, "_bucket")) {
			t.Errorf("a rule uses %s, which wasmer does not have", metric)
		}
	}
}

// reasonsIn returns the reasons in the blocks of constants whose comments begin so.
func reasonsIn(t *testing.T, comments ...string) []string {
	t.Helper()
	var all []string
	for block := range strings.SplitSeq(read(t, "../api/v1alpha1/conditions.go"), "\n\n// ") {
		if slices.ContainsFunc(comments, func(c string) bool { return strings.HasPrefix(block, c) }) {
			all = append(all, unique(block, `Reason = "([A-Za-z]+)"`)...)
		}
	}
	slices.Sort(all)
	return all
}

// uneventful are reasons of conditions that have not failed, and of Events.
var uneventful = []string{"Resolved", "Verified", "Applied", "Waiting", "PreviousInForce", "Running", "NoTraps", "TrapsUnseen", "Swept"}

func TestEveryReasonIsDocumented(t *testing.T) {
	all := reasonsIn(t, "Failures of a source", "Reasons that the controller", "The reasons of ProxiesLoaded")
	failures := slices.DeleteFunc(slices.Clone(all), func(r string) bool { return slices.Contains(uneventful, r) })
	if len(failures) < 20 || len(all) != len(failures)+len(uneventful) {
		t.Fatalf("the reasons are not found in the code any more: %v of %v", failures, all)
	}
	api, troubleshooting := read(t, "api.md"), read(t, "troubleshooting.md")
	for _, reason := range all {
		if !strings.Contains(api, "`"+reason+"`") {
			t.Errorf("api.md does not explain the reason %s", reason)
		}
	}
	for _, reason := range failures {
		if !strings.Contains(troubleshooting, reason) {
			t.Errorf("troubleshooting.md has no remedy for the reason %s", reason)
		}
	}
	reasons := api[strings.Index(api, "### Reasons"):strings.Index(api, "### Trials")]
	for _, documented := range firstCells(reasons, "[A-Za-z]+") {
		if !slices.Contains(failures, documented) {
			t.Errorf("api.md explains the reason %s, which there is not", documented)
		}
	}
}

func TestTheHealthCheckIsTheOneThatIsShipped(t *testing.T) {
	var indented strings.Builder
	for line := range strings.Lines(read(t, "../manifests/argocd/health.lua")) {
		indented.WriteString("    " + line)
	}
	if !strings.Contains(read(t, "gitops.md"), indented.String()) {
		t.Error("the health check in gitops.md is not that of manifests/argocd/health.lua")
	}
}

// TestEveryFindingIsDocumented holds both their reasons and their messages.
func TestEveryFindingIsDocumented(t *testing.T) {
	messages := unique(sources(t, "../preflight"), `c\.found\(v1alpha1\.Reason\w+, "([^"]+)"`)
	reasons := slices.DeleteFunc(reasonsIn(t, "The reasons of PreflightPassed"), func(r string) bool { return r == "NothingFound" })
	if len(reasons) < 10 || len(messages) < 10 {
		t.Fatalf("the findings are not found in the code any more: %v, %v", reasons, messages)
	}
	api, troubleshooting := read(t, "api.md"), read(t, "troubleshooting.md")
	findings := api[strings.Index(api, "### Findings"):strings.Index(api, "### Events")]
	if diff := cmp.Diff(reasons, firstCells(findings, "[A-Za-z]+")); diff != "" {
		t.Errorf("findings in the code (-) and in api.md (+):\n%s", diff)
	}
	for _, message := range messages {
		expression := regexp.MustCompile(`%[sd]`).ReplaceAllString(regexp.QuoteMeta(message), ".+")
		if !regexp.MustCompile("`" + expression + "` \\((" + strings.Join(reasons, "|") + ")\\)").MatchString(troubleshooting) {
			t.Errorf("troubleshooting.md does not explain the finding %q", message)
		}
	}
}

// TestEveryWarningIsDocumented finds the warnings of an admission, whatever is
// filled in for their verbs.
func TestEveryWarningIsDocumented(t *testing.T) {
	warnings := unique(sources(t, "../webhook", "../validation"), `(?:\bwarn|\bWarning)\("([^"]{20,})"`)
	if len(warnings) < 8 {
		t.Fatalf("the warnings are not found in the code any more: %v", warnings)
	}
	troubleshooting := read(t, "troubleshooting.md")
	for _, warning := range warnings {
		expression := regexp.MustCompile(`%(\\\.[0-9])?[svf]`).ReplaceAllString(regexp.QuoteMeta(warning), ".+")
		if !regexp.MustCompile("`" + expression + "`").MatchString(troubleshooting) {
			t.Errorf("troubleshooting.md does not explain the warning %q", warning)
		}
	}
}

// TestTheThreatModelNamesTestsThatExist, at least one for each threat.
func TestTheThreatModelNamesTestsThatExist(t *testing.T) {
	have := unique(strings.Join(slices.Collect(maps.Values(tests(t))), "\n"), `(?m)^func (Test\w+)\(`)
	model := read(t, "threat-model.md")
	for _, name := range unique(model, "`(Test\\w+)`") {
		if !slices.Contains(have, name) {
			t.Errorf("there is no test %s", name)
		}
	}
	for line := range strings.SplitSeq(model, "\n") {
		if cells := strings.Split(line, "|"); len(cells) == 5 && !strings.Contains(cells[3], "Test") && !strings.Contains(cells[3], "Shown by") && !strings.Contains(cells[3], "---") {
			t.Errorf("nothing shows that this is stopped: %s", cells[1])
		}
	}
}

// TestEveryOutcomeOfATrialIsDocumented: those of the condition, and with remedies those that deny.
func TestEveryOutcomeOfATrialIsDocumented(t *testing.T) {
	reasons := reasonsIn(t, "The reasons of ModuleTried")
	api, troubleshooting := read(t, "api.md"), read(t, "troubleshooting.md")
	trials := api[strings.Index(api, "### Trials"):strings.Index(api, "### Findings")]
	if diff := cmp.Diff(reasons, firstCells(trials, "[A-Za-z]+")); diff != "" {
		t.Errorf("reasons in the code (-) and in api.md (+):\n%s", diff)
	}
	for _, reason := range reasons {
		if strings.Contains(trials, "| `"+reason+"` | `False`") && !strings.Contains(troubleshooting, reason) {
			t.Errorf("troubleshooting.md has no remedy for the reason %s", reason)
		}
	}
}
