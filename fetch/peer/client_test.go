// SPDX-License-Identifier: Apache-2.0

package peer_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"testing"

	"github.com/autowasm/autowasm/fetch/module/wasmtest"
	"github.com/autowasm/autowasm/fetch/peer"
)

func TestModuleFromAPeer(t *testing.T) {
	url, sha := replica(t)
	c := peer.NewClient(nil)
	body, err := c.Module(t.Context(), url, sha)
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	if got, err := io.ReadAll(body); err != nil || !slices.Equal(got, wasmtest.Module()) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if _, err := c.Module(t.Context(), url, unknown); !errors.Is(err, peer.ErrNotFound) {
		t.Errorf("a module that it lacks: %v", err)
	}
}

// A redirect could lead anywhere.
func TestARedirectOfAPeerIsNotFollowed(t *testing.T) {
	elsewhere := httpServer(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the redirect was followed") }))
	url := httpServer(t, http.RedirectHandler(elsewhere, http.StatusFound))
	if _, err := peer.NewClient(nil).Module(t.Context(), url, unknown); err == nil || errors.Is(err, peer.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

func TestPeersAreBounded(t *testing.T) {
	many := func(context.Context) ([]string, error) { return make([]string, 100), nil }
	if got, err := peer.NewClient(many).Peers(t.Context()); len(got) != 8 || err != nil {
		t.Errorf("%d peers, %v", len(got), err)
	}
	if got, err := peer.NewClient(nil).Peers(t.Context()); len(got) != 0 || err != nil {
		t.Errorf("%d peers of none, %v", len(got), err)
	}
}
