// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v3/util/lua"
	"github.com/argoproj/gitops-engine/pkg/health"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// prefix is that of the keys of argocd-cm with health checks; a kind in a group follows, as wasm.tcm.io_AutoWasm.
const prefix = "resource.customizations.health."

// readHealth returns the health checks of a ConfigMap argocd-cm in a file, and those that Argo CD has itself.
func readHealth(file string) (health.HealthOverride, error) {
	checks := lua.ResourceHealthOverrides{}
	if file == "" {
		return checks, nil
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read argocd-cm: %w", err)
	}
	var config corev1.ConfigMap
	if err := yaml.UnmarshalStrict(content, &config); err != nil {
		return nil, fmt.Errorf("read argocd-cm in %s: %w", file, err)
	}
	for key, script := range config.Data {
		if kind, ok := strings.CutPrefix(key, prefix); ok {
			checks[strings.Replace(kind, "_", "/", 1)] = v1alpha1.ResourceOverride{HealthLua: script}
		}
	}
	return checks, nil
}
