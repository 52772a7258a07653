// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/e2e/suite"
	"github.com/autowasm/autowasm/internal/envoy"
)

// A foreignFilter is a filter of other people, or one like the examples of their SDK, and what becomes of it.
type foreignFilter struct {
	file   string // without .wasm, of the module e2e/filters; or a path in the checkout
	filter string // more YAML of spec.filter
	steady request
	want   string             // in the end, of each steady request
	ends   v1alpha1.Reason    // of Ready, when it is not Synced
	tried  v1alpha1.Reason    // of ModuleTried, when it is not TrialPassed
	others map[request]string // answers to other requests, once the steady ones are answered as wanted
}

// waf has Coraza refuse one path.
const waf = `config: {default_directives: default, directives_map: {default: [SecRuleEngine On,
  'SecRule REQUEST_URI "@streq /admin" "id:101,phase:1,deny"']}}`

// foreignFilters are by the name of their AutoWasm and workload. What has no other source is like an example of the SDK for
// Go: http_headers and vm_plugin_configuration, json_validation and http_body, http_auth_random, multiple_dispatches,
// postpone_requests, shared_data with shared_queue, metrics and properties, and dispatch_call_on_tick.
var foreignFilters = map[string]foreignFilter{
	"coraza":      {file: "coraza", filter: waf, steady: request{path: "/admin"}, want: "403", others: map[request]string{{}: "200"}},
	"rust":        {file: "examples/add-header-rust/add-header.wasm", filter: "config: crab", want: "200 crab"},
	"assembly":    {file: "examples/add-header-assemblyscript/add-header.wasm", filter: "rootID: add_header, config: script", want: "200 script"},
	"headers":     {file: "headers", filter: "config: configured", want: "200 configured"},
	"unstarted":   {file: "headers", want: "503", ends: v1alpha1.ReasonProxyStartFailed, tried: v1alpha1.ReasonStartRefused},
	"json":        {file: "json", steady: request{body: `{"a": 1}`}, want: "200 8", others: map[request]string{{body: "x"}: "400 invalid", {}: "200"}},
	"callout":     {file: "callout", filter: "config: " + WasmerCluster, want: "200 404", tried: v1alpha1.ReasonDependsOnProxy},
	"callmissing": {file: "callout", filter: "config: missing", want: "503", ends: v1alpha1.ReasonFilterTraps, tried: v1alpha1.ReasonDependsOnProxy},
	"postpone":    {file: "postpone", want: "200 postponed"},
	"shared":      {file: "shared", want: "200 HTTP/1.1"},
	"tick":        {file: "tick", want: "503", ends: v1alpha1.ReasonFilterTraps, tried: v1alpha1.ReasonNoHTTPContext},
}

// TestFiltersOfOthers runs each through admission and a live proxy, under a steady stream of requests: at each moment the
// status agrees with the answers.
func TestFiltersOfOthers(t *testing.T) {
	t.Parallel()
	dir := buildFilters(t)
	n := 0
	for name, f := range foreignFilters {
		version := envoy.Versions()[n%len(envoy.Versions())]
		n++
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := workload(t, "others-"+name)
			sidecar(t, w, ProxyOptions{Envoy: version})
			f.run(t, w, pushFile(t, w.Name, f.path(dir)))
		})
	}
}

// TestLargeModulesAreWarnedOf: kubectl says how long proxies will be silent.
func TestLargeModulesAreWarnedOf(t *testing.T) {
	t.Parallel()
	w := workload(t, "others-large")
	a := onWorkload(w, w.Name, pushFile(t, w.Name, foreignFilters["coraza"].path(buildFilters(t))), waf)
	const want = "Warning: each proxy compiles this module for 19 s, silent meanwhile: with less than 0.42 CPU all Pods leave their Service"
	suite.Eventually(t, func(context.Context) error { // on a busy machine the module is not read in the time of an admission
		if out := cluster.Apply(t, namespace, a.String(), "--dry-run=server"); !strings.Contains(out.Stderr, want) {
			return fmt.Errorf("kubectl says %q, want %q", out.Stderr, want)
		}
		return nil
	})
}

// buildFilters returns the directory of the filters, which make e2e has built before.
func buildFilters(t testing.TB) string {
	t.Helper()
	dir, err := cluster.Builder().Filters(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func (f foreignFilter) path(dir string) string {
	if strings.Contains(f.file, "/") {
		return filepath.Join(cluster.Checkout, f.file)
	}
	return filepath.Join(dir, f.file+".wasm")
}

// run applies the filter to a workload.
func (f foreignFilter) run(t *testing.T, w *Workload, image string) {
	t.Helper()
	url := w.URL(InboundPort)
	a := onWorkload(w, w.Name, image, fmt.Sprintf("applyPorts: [%d], %s", InboundPort, f.filter))
	waitForAnswer(t, url, "200")
	rec := record(t, a, w, f.steady)
	began := time.Now()
	a.apply(t)
	f.waitForAnswer(t, url)
	answered := time.Since(began)
	f.waitForStatus(t, a)
	decided := time.Since(began)
	for r, want := range f.others {
		if got, err := r.send(t.Context(), url); err != nil || got != want {
			t.Errorf("%+v is answered %q, %v, want %q", r, got, err, want)
		}
	}
	time.Sleep(3 * time.Second) // it stays so
	rec.end()
	t.Logf("%q after %s, its status after %s; %d requests", f.want, answered.Round(time.Millisecond), decided.Round(time.Millisecond), len(rec.answers))
	f.requireAgreement(t, rec)
}

func (f foreignFilter) waitForAnswer(t *testing.T, url string) {
	t.Helper()
	suite.Eventually(t, func(ctx context.Context) error {
		got, err := f.steady.send(ctx, url)
		if err == nil && got != f.want {
			err = fmt.Errorf("%+v is answered %q, want %q", f.steady, got, f.want)
		}
		return err
	})
}

func (f foreignFilter) waitForStatus(t *testing.T, a autoWasm) {
	t.Helper()
	cluster.WaitFor(t, a.space(), a.name, triedWith(cmp.Or(f.tried, v1alpha1.ReasonTrialPassed)))
	if f.ends == "" {
		cluster.WaitFor(t, a.space(), a.name, summarized(running(1)))
	} else {
		cluster.WaitFor(t, a.space(), a.name, endsWith(f.ends))
	}
}

// triedWith is passed when the module was tried with an outcome. A trial that a busy machine has come to no end says nothing.
func triedWith(want v1alpha1.Reason) suite.Check {
	return func(aw *v1alpha1.AutoWasm) error {
		c := meta.FindStatusCondition(aw.Status.Conditions, v1alpha1.ConditionModuleTried)
		if c == nil || c.Reason != string(want) && c.Reason != string(v1alpha1.ReasonTrialEnded) {
			return fmt.Errorf("ModuleTried is %+v, want %s", c, want)
		}
		return nil
	}
}

// endsWith is passed when the AutoWasm is not Ready for a reason.
func endsWith(reason v1alpha1.Reason) suite.Check {
	return suite.Condition(v1alpha1.ConditionReady, "False", reason)
}

// requireAgreement requires of a filter that is to pass that all is as wanted in the end.
func (f foreignFilter) requireAgreement(t *testing.T, r *recording) {
	t.Helper()
	want := f.want
	if f.ends != "" {
		want = ""
	}
	all := r.disagreements(want)
	for _, d := range all[:min(3, len(all))] {
		t.Error(d)
	}
	if len(all) > 3 {
		t.Errorf("and %d more", len(all)-3)
	}
	if last := r.statuses[len(r.statuses)-1]; last.ready != (f.ends == "") {
		t.Errorf("in the end its status says: %s", last.message)
	}
}
