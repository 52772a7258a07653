// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// minor is the minor release of Kubernetes that a module of the tests is built of, such as 1.37.
func minor(t *testing.T, module string) string {
	t.Helper()
	match := regexp.MustCompile(`(?m)^\s*k8s\.io/kubernetes v(\d+\.\d+)\.`).FindStringSubmatch(read(t, "../e2e/"+module+"/go.mod"))
	if match == nil {
		t.Fatalf("e2e/%s does not require Kubernetes", module)
	}
	return match[1]
}

// TestTheSupportedKubernetesIsTested: the oldest release that is promised is that of make test-floor, wherever it is promised.
func TestTheSupportedKubernetesIsTested(t *testing.T) {
	newest, oldest := minor(t, "controlplane"), minor(t, "apiserver-floor")
	row := fmt.Sprintf("| Kubernetes | %s; %s before each release | %s and later |", newest, oldest, oldest)
	for file, want := range map[string]string{
		"support.md": row, "install.md": "Kubernetes " + oldest + " or later", "../README.md": "Kubernetes " + oldest + " or later",
		"../manifests/charts/wasmer/Chart.yaml": `kubeVersion: ">=` + oldest + `.0-0"`, "../CHANGELOG.md": "Tested with Kubernetes " + newest + " and " + oldest,
	} {
		if !strings.Contains(read(t, file), want) {
			t.Errorf("%s does not have %q", file, want)
		}
	}
}
