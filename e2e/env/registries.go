// SPDX-License-Identifier: Apache-2.0

package env

import (
	"context"
	"fmt"
	"os"

	"github.com/autowasm/autowasm/e2e/process"
)

func (e *Environment) startRegistries(ctx context.Context) error {
	var err error
	if e.Registry, err = e.startRegistry(ctx, "registry", "", ""); err != nil {
		return err
	}
	userinfo := e.PrivateRegistryUsername + ":" + e.PrivateRegistryPassword + "@"
	e.PrivateRegistry, err = e.startRegistry(ctx, "private-registry", e.data("htpasswd"), userinfo)
	return err
}

// startRegistry starts a registry, waits until it answers whoever may use it, and returns its host and port.
func (e *Environment) startRegistry(ctx context.Context, name, htpasswd, userinfo string) (string, error) {
	_, ports, err := e.launch(ctx, component{
		name: name, ports: 1, timeout: Timeout,
		command: func(ports []int) process.Command { return e.registryCommand(name, htpasswd, ports[0]) },
		ready: func(ctx context.Context, ports []int) error {
			return Probe(ctx, "http://"+userinfo+address(ports[0])+"/v2/")
		},
	})
	if err != nil {
		return "", err
	}
	return address(ports[0]), nil
}

func (e *Environment) registryCommand(name, htpasswd string, port int) process.Command {
	args := []string{"--addr=" + address(port), "--storage=" + e.data(name)}
	if htpasswd != "" {
		args = append(args, "--htpasswd="+htpasswd)
	}
	return process.Command{
		Name: name, Path: e.binaries.Registry, Args: args,
		Env: []string{"OTEL_TRACES_EXPORTER=none"}, // it would look for a collector on this machine
	}
}

// startObjects serves ObjectsDir from this process.
func (e *Environment) startObjects(context.Context) error {
	e.ObjectsDir = e.data("objects")
	if err := os.MkdirAll(e.ObjectsDir, 0o755); err != nil {
		return fmt.Errorf("make the directory of objects: %w", err)
	}
	server, err := serveFiles(e.ObjectsDir)
	if err != nil {
		return fmt.Errorf("serve objects: %w", err)
	}
	e.objects, e.ObjectsURL = server, server.URL
	return nil
}
