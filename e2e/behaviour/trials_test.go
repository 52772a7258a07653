// SPDX-License-Identifier: Apache-2.0

package behaviour

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/e2e/suite"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
)

// pushedFile pushes a module that is a file of the checkout, or of those that make filters builds, and returns the image.
func pushedFile(t *testing.T, repository, name string) string {
	t.Helper()
	path := filepath.Join(cluster.Checkout, name)
	if !strings.Contains(name, "/") {
		dir, err := cluster.Builder().Filters(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		path = filepath.Join(dir, name)
	}
	return cluster.Push(t, repository, moduleImage(t, read(t, path)))
}

// TestModulesThatFail: filters of several SDKs that load, and that no proxy could run as they are configured, are denied in their
// own words, also in a dry run; and nothing is left of them.
func TestModulesThatFail(t *testing.T) {
	t.Parallel()
	ns := cluster.Namespace(t)
	const rust, script = "examples/add-header-rust/add-header.wasm", "examples/add-header-assemblyscript/add-header.wasm"
	for name, tt := range map[string]struct {
		file, filter, field, words string
	}{
		"rust":     {rust, `config: "a\tb"`, "spec.filter.config", `the configuration is no value of a header: \"a\\tb\"`},
		"script":   {script, "rootID: wrong", "spec.filter.rootID", "proxy_on_context_create trapped"},
		"go":       {"headers.wasm", "vmID: a", "spec.filter.config", "there is no configuration: error status returned by host: not found"},
		"tick":     {"tick.wasm", "vmID: a", "spec.filter.source.registry.image", "it has no HTTP context"},
		"panicked": {"tick.wasm", "vmID: a", "spec.filter.source.registry.image", "panic: invalid context id on proxy_on_context_create"},
		"coraza": {"coraza.wasm", `config: {default_directives: default, directives_map: {default: [SecRuleEngine On, SecRulez x]}}`,
			"spec.filter.config", `unknown directive \"secrulez\" line=2`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := suite.Manifest{Name: name, Source: suite.Image(pushedFile(t, "tried/"+name+":v1", tt.file)), Filter: tt.filter}.String()
			suite.Eventually(t, func(context.Context) error { // on a busy machine a trial takes longer than an admission
				out, err := cluster.TryApply(t, ns, m, "--dry-run=server")
				if err == nil || !strings.Contains(err.Error(), "the module was tried, and fails") {
					return fmt.Errorf("a dry run answers %q, %v", out.Stderr, err)
				}
				return nil
			})
			cluster.Refused(t, ns, m, "(Forbidden)", tt.field+": Invalid value", tt.words)
			requireNeverWas(t, ns, name)
		})
	}
}

// TestAModuleThatBreaksResponses runs, so that it is admitted, with a warning of what Envoy answers then.
func TestAModuleThatBreaksResponses(t *testing.T) {
	t.Parallel()
	ns := cluster.Namespace(t)
	broken := wasmtest.Module(wasmtest.RemoveStatus())
	m := suite.Manifest{Name: "broken", Source: suite.Image(cluster.Push(t, "tried/broken:v1", moduleImage(t, broken)))}.String()
	const want = "has Envoy answer a GET of / with 502: missing required header: :status"
	suite.Eventually(t, func(context.Context) error {
		out, err := cluster.TryApply(t, ns, m, "--dry-run=server")
		if err != nil || !strings.Contains(out.Stderr, want) {
			return fmt.Errorf("a dry run answers %q, %v, want %q", out.Stderr, err, want)
		}
		return nil
	})
}

// TestATrialInTheBackground: what was admitted untried is tried later, and its status says so. That changes nothing that is in force,
// and an update that is not to blame is admitted with a warning.
func TestATrialInTheBackground(t *testing.T) {
	t.Parallel()
	ns := cluster.Namespace(t)
	slow := holdSource(t, wasmtest.Module(wasmtest.Salt(t.Name()), wasmtest.Export("proxy_on_configure", "ii:i")))
	m := suite.Manifest{Name: "late", Source: suite.Object(slow.url, "")}
	cluster.Apply(t, ns, m.String())
	slow.release()
	aw := cluster.WaitFor(t, ns, "late", suite.Condition(v1alpha1.ConditionModuleTried, metav1.ConditionFalse, v1alpha1.ReasonModuleTraps))
	if c := meta.FindStatusCondition(aw.Status.Conditions, v1alpha1.ConditionModuleTried); !strings.Contains(c.Message, "proxy_on_configure trapped: unreachable") {
		t.Errorf("it says %s", c.Message)
	}
	cluster.WaitPhase(t, ns, "late", v1alpha1.PhaseSynced)
	m.Filter = "applyPorts: [9080]"
	if out := cluster.Apply(t, ns, m.String()); !strings.Contains(out.Stderr, "proxy_on_configure trapped") {
		t.Errorf("the update of its ports has the warnings %q", out.Stderr)
	}
	m.Filter = "config: another"
	cluster.Refused(t, ns, m.String(), "spec.filter.config", "proxy_on_configure trapped")
}
