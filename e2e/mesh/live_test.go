package mesh

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/autowasm/autowasm/e2e/suite"
)

// TestTutorialOnLiveTraffic is the tutorial's end: the header comes within seconds of kubectl apply, from the same
// process, and goes with kubectl delete.
func TestTutorialOnLiveTraffic(t *testing.T) {
	pid := mesh.Sidecar.PID()
	requireHeader(t, mesh.EnvoyInboundURL, "")
	applyTutorial(t, "live", "details")
	began := time.Now()
	waitForHeader(t, mesh.EnvoyInboundURL, "world")
	t.Logf("the first response with the header came %s after kubectl apply", time.Since(began).Round(time.Millisecond))
	requireHeader(t, mesh.Details.URL(OtherPort), "")
	requireHeader(t, mesh.GatewayURL, "world")

	deleteAutoWasm(t, "live")
	waitForHeader(t, mesh.EnvoyInboundURL, "")
	if mesh.Sidecar.PID() != pid || !mesh.Sidecar.Running() {
		t.Error("it is not the same Envoy process")
	}
}

// waitForHeader waits until a URL answers 200 with this value of the header hello, "" for none.
func waitForHeader(t *testing.T, url, want string) {
	t.Helper()
	suite.Eventually(t, suite.Patience, func(ctx context.Context) error { return checkHeader(ctx, url, want) })
}

// requireHeader requires it at this moment.
func requireHeader(t *testing.T, url, want string) {
	t.Helper()
	if err := checkHeader(t.Context(), url, want); err != nil {
		t.Error(err)
	}
}

func checkHeader(ctx context.Context, url, want string) error {
	status, got, body, err := request(ctx, url)
	if err != nil {
		return err
	}
	if status != http.StatusOK || got != want {
		return fmt.Errorf("GET %s: %d with hello: %q, want 200 with %q; the body is %q", url, status, got, want, body)
	}
	return nil
}

// request asks on a connection of its own, as curl would: an old connection keeps its listener.
func request(ctx context.Context, url string) (status int, hello, body string, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, "", "", err
	}
	r.Close = true
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, "", "", err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	return response.StatusCode, response.Header.Get("hello"), string(content), err
}
