//go:build cluster

// SPDX-License-Identifier: Apache-2.0

package clustertest

import (
	"context"
	"fmt"
	"testing"

	"github.com/autowasm/autowasm/e2e/suite"
)

// requireProxies waits until the status of an AutoWasm says that it is ready, and that so many proxies are selected and
// all of them run its module.
func requireProxies(t testing.TB, namespace, name string, count int) {
	t.Helper()
	want := fmt.Sprintf("True, %d of %[1]d", count)
	suite.Eventually(t, func(ctx context.Context) error {
		got, err := runKubectl(ctx, "", "get", "autowasm", name, "-n", namespace, `-o=jsonpath=`+
			`{.status.conditions[?(@.type=="Ready")].status}, {.status.proxies.running} of {.status.proxies.selected}`)
		if err == nil && got != want {
			err = fmt.Errorf("the status of %s/%s is %q, want %q", namespace, name, got, want)
		}
		return err
	})
}
