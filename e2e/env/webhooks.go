// SPDX-License-Identifier: Apache-2.0

package env

import (
	"context"
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
)

var autoWasms = schema.GroupVersionResource{Group: "wasm.tcm.io", Version: "v1alpha1", Resource: "autowasms"}

// waitForWebhooks waits until the API server reaches wasmer's webhooks, which takes a moment after wasmer is ready:
// it has to see their address and CA first.
func (e *Environment) waitForWebhooks(ctx context.Context) error {
	config := rest.CopyConfig(e.RESTConfig)
	config.WarningHandler = rest.NoWarnings{} // the probe names a module that does not exist
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("make a client for AutoWasms: %w", err)
	}
	err = Poll(ctx, func(ctx context.Context) error { return tryWebhooks(ctx, client) })
	if err != nil {
		return fmt.Errorf("wait until the API server reaches wasmer's webhooks: %w", err)
	}
	return nil
}

// tryWebhooks dry-runs the creation of an AutoWasm. Whether it is refused does not matter, as long as it is not
// because a webhook could not be called.
func tryWebhooks(ctx context.Context, client dynamic.Interface) error {
	probe := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "wasm.tcm.io/v1alpha1",
		"kind":       "AutoWasm",
		"metadata":   map[string]any{"name": "environment-readiness-probe"},
		"spec": map[string]any{
			"selector": map[string]any{"matchLabels": map[string]any{"app": "none"}},
			"filter": map[string]any{"source": map[string]any{
				"configMap": map[string]any{"name": "does-not-exist", "key": "filter.wasm"},
			}},
		},
	}}
	options := metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}
	_, err := client.Resource(autoWasms).Namespace("default").Create(ctx, probe, options)
	if err != nil && (ctx.Err() != nil || strings.Contains(err.Error(), "failed calling webhook")) {
		return err
	}
	return nil
}
