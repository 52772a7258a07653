package mesh

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/autowasm/autowasm/e2e/suite"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
)

// TestTraps applies a module that traps at its start. While a proxy has to load the module it takes the listener, and
// finds out then: the filter's port answers by the failure policy. When the proxy has the module it refuses the
// listener, and the former one goes on. No other port notices.
func TestTraps(t *testing.T) {
	c := detailsCases(t)
	for policy, want := range map[string]string{"FailClosed": "503", "FailReload": "503", "FailOpen": "200"} {
		for _, at := range []struct{ what, function string }{{"start", "proxy_on_vm_start"}, {"configure", "proxy_on_configure"}} {
			name := strings.ToLower("traps-" + policy + "-" + at.what)
			module := wasmtest.Module(wasmtest.Export(at.function, "ii:i"), wasmtest.Salt(name))
			a := onDetails(name, pushModule(t, name+":v1", module), "applyPorts: [9081], failurePolicy: "+policy)
			c.step(t, name, plain.but(answers{other: want}), func() {
				a.apply(t)
				waitUntilHeard(t, module)
			})
			c.step(t, name+" is deleted", plain, func() { a.delete(t) })
			c.step(t, name+" again", plain, func() { waitUntilRejected(t, func() { a.apply(t) }) })
			c.step(t, name+" is deleted again", plain, func() { a.delete(t) })
		}
	}
}

// TestRefusedConfiguration: the same holds for a module that refuses its configuration. The refused listener is refused
// with whatever else is new in it, until the configuration is repaired.
func TestRefusedConfiguration(t *testing.T) {
	c, image := detailsCases(t), pushModule(t, "refuses:v1", moduleSaying(t, "pluto"))
	const refused = `applyPorts: [9081], config: {header: "x y"}`
	bad, good := onDetails("refuses", image, refused), onDetails("refuses", image, "applyPorts: [9081]")
	second := onDetails("waits", image, "applyPorts: [9081], config: moon, priority: 1")
	pluto := plain.but(answers{other: "200 pluto"})
	c.step(t, "new to the proxy", plain.but(answers{other: "503"}), func() { bad.apply(t) })
	c.step(t, "repaired", pluto, func() { good.apply(t) })
	c.step(t, "known to the proxy", pluto, func() { waitUntilRejected(t, func() { bad.apply(t) }) })
	c.step(t, "a second filter waits", pluto, func() { waitUntilRejected(t, func() { second.apply(t) }) })
	c.step(t, "repaired, with the second", plain.but(answers{other: "200 moon,pluto"}), func() { good.apply(t) })
	c.gradual(t, "none", plain, func() { deleteAll(t, good, second) })
}

// waitUntilHeard waits until the sidecar of details has a listener with a module, or is making one.
func waitUntilHeard(t *testing.T, module []byte) {
	t.Helper()
	suite.Eventually(t, suite.Patience, func(ctx context.Context) error {
		dump, err := adminPage(ctx, "/config_dump?resource=dynamic_listeners")
		if err == nil && !strings.Contains(dump, suite.SHA256(module)) {
			return fmt.Errorf("the sidecar of details has not heard of the module %s", suite.SHA256(module))
		}
		return err
	})
}

// waitUntilRejected makes a change and waits until the sidecar of details has refused a listener for it.
func waitUntilRejected(t *testing.T, change func()) {
	t.Helper()
	before, err := rejections(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	change()
	suite.Eventually(t, suite.Patience, func(ctx context.Context) error {
		now, err := rejections(ctx)
		if err == nil && now == before {
			return fmt.Errorf("the sidecar of details has refused nothing: %s", now)
		}
		return err
	})
}

// rejections is how often the sidecar of details refused listeners, as its statistics say it.
func rejections(ctx context.Context) (string, error) {
	return adminPage(ctx, "/stats?filter=^listener_manager.lds.update_rejected")
}

func adminPage(ctx context.Context, page string) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, mesh.EnvoyAdminURL+page, nil)
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return string(body), err
}
