// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"regexp"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// releases are the versions of CHANGELOG, the newest first.
func releases(t *testing.T) []string {
	t.Helper()
	var versions []string
	for _, match := range regexp.MustCompile(`(?m)^## (v\S+)`).FindAllStringSubmatch(read(t, "../CHANGELOG.md"), -1) {
		versions = append(versions, match[1])
	}
	if len(versions) == 0 {
		t.Fatal("CHANGELOG.md has no release")
	}
	return versions
}

// TestEveryReleaseHasUpgradeNotes, in the order of CHANGELOG.
func TestEveryReleaseHasUpgradeNotes(t *testing.T) {
	page := read(t, "upgrade.md")
	for _, version := range releases(t) {
		_, after, found := strings.Cut(page, "\n### "+version+"\n")
		if !found {
			t.Errorf("upgrade.md has no section %s below those of newer releases", version)
			continue
		}
		page = after
	}
}

// TestTheChartIsOfTheNewestRelease: its appVersion is the tag of the image that it installs.
func TestTheChartIsOfTheNewestRelease(t *testing.T) {
	var chart struct{ Version, AppVersion string }
	if err := yaml.Unmarshal([]byte(read(t, "../manifests/charts/wasmer/Chart.yaml")), &chart); err != nil {
		t.Fatal(err)
	}
	if newest := releases(t)[0]; chart.AppVersion != newest || "v"+chart.Version != newest {
		t.Errorf("the chart is %s of %s, the newest release in CHANGELOG.md %s", chart.Version, chart.AppVersion, newest)
	}
}

// TestTheChecklistNamesTargets that exist.
func TestTheChecklistNamesTargets(t *testing.T) {
	makefile := read(t, "../Makefile")
	for _, target := range unique(read(t, "releasing.md")+read(t, "../CONTRIBUTING.md"), "(?m)(?:^|`|&& )make ([a-z0-9-]+)") {
		if !strings.Contains(makefile, "\n"+target+":") {
			t.Errorf("there is no make %s", target)
		}
	}
}
