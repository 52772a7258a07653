//go:build linux

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"github.com/autowasm/autowasm/e2e/cluster"
	"github.com/autowasm/autowasm/e2e/env"
)

// execute becomes the command of an invocation. It returns only when that fails.
func execute(i invocation) error {
	if len(i.rest) == 0 {
		return errors.New("exec needs a command")
	}
	kubeconfig := os.Getenv("KUBECONFIG")
	if kubeconfig != "" && kubeconfig != filepath.Join(string(i.dir), "kubeconfig") {
		fmt.Fprintln(os.Stderr, "on the cluster of", kubeconfig)
		return become(i.rest)
	}
	variables, err := env.ReadVariables(filepath.Join(string(i.dir), "env"))
	if err != nil {
		return fmt.Errorf("no cluster is up here (run `make cluster`, or set KUBECONFIG to another one's): %w", err)
	}
	for _, v := range variables {
		value := v.Value
		if v.Name == "PATH" {
			value += ":" + os.Getenv("PATH")
		}
		if err := os.Setenv(v.Name, value); err != nil {
			return err
		}
	}
	return become(append([]string{cluster.Enter}, i.rest...))
}

func become(args []string) error {
	path, err := exec.LookPath(args[0])
	if err != nil {
		return err
	}
	if err := syscall.Exec(path, args, os.Environ()); err != nil {
		return fmt.Errorf("run %s: %w", path, err)
	}
	return nil
}
