// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/autowasm/autowasm/e2e/suite"
	"github.com/autowasm/autowasm/fetch/image"
)

// after is how long the load goes on when a change is seen to be over.
const after = 200 * time.Millisecond

// The doors to the details workload, the only ones that most cases look at.
const (
	inbound  = "inbound"
	other    = "other"
	outbound = "outbound"
	gateway  = "gateway"
)

// plain is what the doors answer without any filter.
var plain = answers{inbound: "200", other: "200", outbound: "200", gateway: "200"}

// answers are those of doors, by name.
type answers map[string]string

// but is a copy in which some answers are others.
func (a answers) but(others answers) answers {
	changed := maps.Clone(a)
	maps.Copy(changed, others)
	return changed
}

// cases are changes one after the other, each under load.
type cases struct {
	doors map[string]door
	now   answers
}

// detailsCases begin with the details workload and the gateway as they are without any AutoWasm. Requests out of the
// workload go to a service of its own.
func detailsCases(t *testing.T) *cases {
	t.Helper()
	diagnoseProxies(t, mesh.Sidecar, mesh.Gateway.Proxy)
	_, port, err := splitAddress(mesh.Details.App.Address)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := mesh.Announce(t.Context(), "callee", port); err != nil {
		t.Fatal(err)
	}
	c := &cases{now: plain, doors: map[string]door{
		inbound:  {url: mesh.EnvoyInboundURL},
		other:    {url: mesh.Details.URL(OtherPort)},
		outbound: {url: mesh.Details.OutboundURL(), host: serviceHost("callee")},
		gateway:  {url: mesh.GatewayURL},
	}}
	c.wait(t, plain)
	return c
}

// step makes a change and waits until every door answers as wanted. Until then each gives its former answer, or the
// new one, and nothing else: no request fails.
func (c *cases) step(t *testing.T, what string, want answers, change func()) {
	t.Helper()
	c.load(t, what, want, change, c.formerOr(want))
}

// formerOr is true of a door's former answer and of the new one.
func (c *cases) formerOr(want answers) func(door, answer string) bool {
	return func(door, answer string) bool { return answer == c.now[door] || answer == want[door] }
}

// gradual is a step of several objects, which proxies may see one after the other: each answer is a success.
func (c *cases) gradual(t *testing.T, what string, want answers, change func()) {
	t.Helper()
	c.load(t, what, want, change, func(door, answer string) bool {
		return answer == c.now[door] || answer == want[door] || c.now[door] != want[door] && strings.HasPrefix(answer, "200 ")
	})
}

// load makes a change under load and requires each answer until the wanted ones to be good.
func (c *cases) load(t *testing.T, what string, want answers, change func(), good func(door, answer string) bool) {
	t.Helper()
	failures := c.failures(t, what, want, change, good)
	for _, failure := range failures {
		t.Errorf("%s: %s", what, failure)
	}
	if len(failures) > 0 {
		t.Log(suite.Diagnose(t))
	}
}

// failures makes a change under load, waits until every door answers as wanted, and says which answers were not good.
func (c *cases) failures(t *testing.T, what string, want answers, change func(), good func(door, answer string) bool) (all []string) {
	t.Helper()
	l := startLoad(t, c.doors)
	began := time.Now()
	change()
	c.wait(t, want)
	took := time.Since(began)
	time.Sleep(after)
	requests := 0
	for name, seen := range l.end() {
		for answer, n := range seen {
			requests += n
			if !good(name, answer) {
				all = append(all, fmt.Sprintf("%d requests to %s got %q, from %q to %q", n, name, answer, c.now[name], want[name]))
			}
		}
	}
	t.Logf("%s: %s, %d requests", what, took.Round(time.Millisecond), requests)
	c.now = want
	return all
}

// wait waits until every door answers as wanted, three times in a row: each thread of a proxy changes by itself.
func (c *cases) wait(t *testing.T, want answers) {
	t.Helper()
	suite.Eventually(t, func(ctx context.Context) error {
		for range 3 {
			if diff := cmp.Diff(want, c.ask(ctx)); diff != "" {
				return errors.New("the answers (-want +got):\n" + diff)
			}
		}
		return nil
	})
}

func (c *cases) ask(ctx context.Context) answers {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: answerTimeout}
	got := answers{}
	for name, d := range c.doors {
		answer, err := d.ask(ctx, client)
		if err != nil {
			answer = err.Error()
		}
		got[name] = answer
	}
	return got
}

// autoWasm is an AutoWasm as a case writes it.
type autoWasm struct {
	name      string
	namespace string // default: that of the workloads
	selector  string // YAML of spec.selector in flow style; default: every workload of the namespace
	image     string
	filter    string // more YAML of spec.filter in flow style
}

// onDetails is one for the details workload.
func onDetails(name, image, filter string) autoWasm {
	return autoWasm{name: name, selector: "{matchLabels: {app: details}}", image: image, filter: filter}
}

func (a autoWasm) space() string {
	if a.namespace == "" {
		return namespace
	}
	return a.namespace
}

func (a autoWasm) String() string {
	lines := []string{
		"apiVersion: wasm.tcm.io/v1alpha1", "kind: AutoWasm",
		// Istio's root namespace, where the gateway is, wants the annotation.
		fmt.Sprintf(`metadata: {name: %s, namespace: %s, annotations: {wasm.tcm.io/allow-mesh-wide: "true"}}`, a.name, a.space()),
		"spec:",
		fmt.Sprintf("  filter: {source: {registry: {image: %q}}, %s}", a.image, a.filter),
	}
	if a.selector != "" {
		lines = append(lines, "  selector: "+a.selector)
	}
	return strings.Join(lines, "\n") + "\n"
}

// apply applies it and deletes it after the test.
func (a autoWasm) apply(t *testing.T) {
	t.Helper()
	applyAll(t, a)
}

// applyAll applies some with one command.
func applyAll(t *testing.T, all ...autoWasm) {
	t.Helper()
	var manifests []string
	for _, a := range all {
		manifests = append(manifests, a.String())
		t.Cleanup(func() { a.delete(t) })
		suite.OnTimeout(t, func(ctx context.Context) string { return cluster.Describe(ctx, a.space(), a.name) })
	}
	if _, err := cluster.KubectlInput(t.Context(), strings.Join(manifests, "---\n"), "apply", "-f", "-"); err != nil {
		t.Fatal(err)
	}
}

func (a autoWasm) delete(t *testing.T) {
	t.Helper()
	deleteAll(t, a)
}

// deleteAll deletes some of one namespace with one command.
func deleteAll(t *testing.T, all ...autoWasm) {
	t.Helper()
	ctx, cancel := suite.Detached(t)
	defer cancel()
	args := []string{"delete", "autowasm", "-n", all[0].space(), "--ignore-not-found"}
	for _, a := range all {
		args = append(args, a.name)
	}
	if _, err := cluster.Kubectl(ctx, args...); err != nil {
		t.Error(err)
	}
}

// pushModule pushes a module and returns the image's reference.
func pushModule(t testing.TB, repository string, module []byte) string {
	t.Helper()
	img, err := image.Image(module, "0.2.1")
	if err != nil {
		t.Fatal(err)
	}
	return cluster.Push(t, repository, img)
}
