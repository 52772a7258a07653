//go:build cluster

// SPDX-License-Identifier: Apache-2.0

package clustertest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/autowasm/autowasm/e2e/process"
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

// run installs wasmer, which all tests find and leave so. It stays when they are over.
func run(m *testing.M) int {
	if err := prepare(); err != nil {
		fmt.Fprintln(os.Stderr, "install AutoWasm:", err)
		return 1
	}
	defer os.RemoveAll(helm.Home)
	return m.Run()
}

func prepare() (err error) {
	if os.Getenv("AUTOWASM_VALUES") == "" {
		return errors.New("AUTOWASM_VALUES is not set: the tests on a cluster need it (see e2e/clustertest/doc.go)")
	}
	ctx, cancel := context.WithTimeout(context.Background(), process.Timeout)
	defer cancel()
	if helm.Home, err = os.MkdirTemp("", "autowasm-helm-"); err != nil {
		return err
	}
	if before, err = listObjects(ctx); err != nil {
		return err
	}
	return installWasmer(ctx)
}
