//go:build cluster

// SPDX-License-Identifier: Apache-2.0

package clustertest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/autowasm/autowasm/e2e/suite"
	"github.com/autowasm/autowasm/internal/doctest"
)

// openPage has wasmer serve its page and forwards its port, as it is documented, and requires that the page lists an AutoWasm. It
// replaces wasmer's replicas.
func openPage(t *testing.T, user doctest.Shell, namespace, name string) {
	t.Helper()
	dir := t.TempDir()
	pid := filepath.Join(dir, "pid")
	const forward = "kubectl -n istio-system port-forward deployment/wasmer 8083"
	// It runs until it is stopped, and longer than the shell.
	inBackground := fmt.Sprintf("(%s >%s 2>&1 & echo $! >%s)", forward, filepath.Join(dir, "log"), pid)
	user.Stands = append([]string{forward, inBackground}, user.Stands...)
	t.Cleanup(func() { interrupt(t, pid) })
	user.Run(t, doctest.Section("page"))
	awaitReplicas(t) // kubectl may take one that ends, which has no page
	user.Run(t, doctest.Section("page-forward"))
	suite.Eventually(t, func(ctx context.Context) error {
		err := listed(ctx, "http://localhost:8083", namespace, name)
		if err != nil {
			err = fmt.Errorf("%w; kubectl printed: %s", err, read(t, filepath.Join(dir, "log")))
		}
		return err
	})
}

// interrupt ends the program whose process ID is in a file, if there is one.
func interrupt(t *testing.T, file string) {
	content, err := os.ReadFile(file)
	if os.IsNotExist(err) {
		return
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(content)))
	if err != nil {
		t.Errorf("%s: %v", file, err)
		return
	}
	if program, err := os.FindProcess(pid); err == nil {
		_ = program.Signal(os.Interrupt) // it may have ended with the Pod
	}
}

// listed returns an error unless the page is there and lists the AutoWasm as Ready.
func listed(ctx context.Context, url, namespace, name string) error {
	if err := getOK(ctx, url, nil); err != nil {
		return err
	}
	type row struct {
		Namespace, Name string
		Ready           struct{ Status string }
	}
	var page struct{ AutoWasms []row }
	if err := getOK(ctx, url+"/api/snapshot", &page); err != nil {
		return err
	}
	want := row{Namespace: namespace, Name: name, Ready: struct{ Status string }{"True"}}
	if !slices.Contains(page.AutoWasms, want) {
		return fmt.Errorf("the page lists %+v, want %+v", page.AutoWasms, want)
	}
	return nil
}

// getOK gets a URL, which has to answer 200, into an object, unless that is nil.
func getOK(ctx context.Context, url string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", url, response.Status)
	}
	if into == nil {
		return nil
	}
	return json.NewDecoder(response.Body).Decode(into)
}
