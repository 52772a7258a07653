// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"testing"

	"github.com/autowasm/autowasm/e2e/suite"
)

// A listener is what a proxy says of one: what it serves, what it is making, what it still drains, and what it refused
// since.
type listener struct {
	Name     string          `json:"name"`
	Active   json.RawMessage `json:"active_state"`
	Warming  json.RawMessage `json:"warming_state"`
	Draining json.RawMessage `json:"draining_state"`
	Refused  json.RawMessage `json:"error_state"`
}

// names is true when it names a module, leaving what it still drains aside.
func (l listener) names(sha256 string) bool {
	return slices.ContainsFunc([]json.RawMessage{l.Active, l.Warming, l.Refused}, func(state json.RawMessage) bool {
		return bytes.Contains(state, []byte(sha256))
	})
}

// waitUntilHeard waits until a proxy has been told of a module, whatever it makes of it.
func waitUntilHeard(t *testing.T, p *Proxy, module []byte) {
	t.Helper()
	waitForListeners(t, p, func(all []listener) error {
		sha256 := suite.SHA256(module)
		if !slices.ContainsFunc(all, func(l listener) bool { return l.names(sha256) }) {
			return fmt.Errorf("the proxy has not heard of the module %s", sha256)
		}
		return nil
	})
}

// waitUntilForgotten waits until a proxy has been told of listeners without a module. When the doors answer with it as
// they do without, they do not say so.
func waitUntilForgotten(t *testing.T, p *Proxy, module []byte) {
	t.Helper()
	waitForListeners(t, p, func(all []listener) error {
		sha256 := suite.SHA256(module)
		if slices.ContainsFunc(all, func(l listener) bool { return l.names(sha256) }) {
			return fmt.Errorf("the proxy still has the module %s", sha256)
		}
		return nil
	})
}

// waitUntilAccepted waits until a proxy has taken what it was last told of each listener.
func waitUntilAccepted(t *testing.T, p *Proxy) {
	t.Helper()
	waitForListeners(t, p, func(all []listener) error {
		if slices.ContainsFunc(all, func(l listener) bool { return l.Refused != nil }) {
			return errors.New("the proxy still refuses a listener")
		}
		return nil
	})
}

// waitForListeners waits until what a proxy says of its listeners is right.
func waitForListeners(t *testing.T, p *Proxy, check func([]listener) error) {
	t.Helper()
	suite.Eventually(t, func(ctx context.Context) error {
		all, err := listenersOf(ctx, p)
		if err != nil {
			return err
		}
		return check(all)
	})
}

func listenersOf(ctx context.Context, p *Proxy) ([]listener, error) {
	page, err := adminPage(ctx, p, "/config_dump?resource=dynamic_listeners")
	if err != nil {
		return nil, err
	}
	var dump struct{ Configs []listener }
	if err := json.Unmarshal([]byte(page), &dump); err != nil {
		return nil, fmt.Errorf("read the listeners of a proxy: %w", err)
	}
	if len(dump.Configs) == 0 {
		return nil, errors.New("the proxy says nothing of its listeners")
	}
	return dump.Configs, nil
}

// waitUntilRejected makes a change and waits until a proxy has refused a listener for it.
func waitUntilRejected(t *testing.T, p *Proxy, change func()) {
	t.Helper()
	before, err := rejections(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	change()
	suite.Eventually(t, func(ctx context.Context) error {
		now, err := rejections(ctx, p)
		if err == nil && now == before {
			return fmt.Errorf("the proxy has refused nothing: %s", now)
		}
		return err
	})
}

// rejections is how often a proxy refused listeners, as its statistics say it.
func rejections(ctx context.Context, p *Proxy) (string, error) {
	return adminPage(ctx, p, "/stats?filter=^listener_manager.lds.update_rejected")
}

// adminPage reads a page that the proxy's main thread answers, which compiles modules, too.
func adminPage(ctx context.Context, p *Proxy, page string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.AdminURL+page, nil)
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
