// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/tls"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	istiov1alpha3 "istio.io/client-go/pkg/apis/networking/v1alpha3"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	ctrlwebhook "sigs.k8s.io/controller-runtime/pkg/webhook"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/mesh"
	"github.com/autowasm/autowasm/preflight"
)

// leaseName is the Lease by which the replicas elect the one that writes.
const leaseName = "wasmer"

// How long calls may take to end once wasmer has stopped listening. Both run at the same time, and with the shutdown
// delay before them must fit into the deployment's terminationGracePeriodSeconds.
const (
	// drainTimeout is for admissions, fetches and reconciles.
	drainTimeout = 20 * time.Second
	// moduleDrainTimeout is for downloads of modules by proxies.
	moduleDrainTimeout = 15 * time.Second
)

func newScheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	builder := runtime.NewSchemeBuilder(clientgoscheme.AddToScheme, v1alpha1.AddToScheme, istiov1alpha3.AddToScheme)
	if err := builder.AddToScheme(scheme); err != nil {
		return nil, fmt.Errorf("register the types that wasmer uses: %w", err)
	}
	return scheme, nil
}

// newManager makes the manager that runs every part but the module server and the pages. configureTLS gives the webhook
// server its certificate, and draining is set once wasmer shuts down.
func newManager(config *rest.Config, o *options, configureTLS func(*tls.Config), draining *atomic.Bool) (ctrl.Manager, error) {
	scheme, err := newScheme()
	if err != nil {
		return nil, err
	}
	mgr, err := ctrl.NewManager(config, ctrl.Options{
		Scheme:                        scheme,
		Metrics:                       metricsserver.Options{BindAddress: "0"},
		LeaderElection:                o.controller && o.leaderElect,
		LeaderElectionID:              leaseName,
		LeaderElectionNamespace:       o.namespace,
		LeaderElectionReleaseOnCancel: true,
		GracefulShutdownTimeout:       new(drainTimeout),
		Cache:                         cacheOptions(o.namespace),
		// Secrets and ConfigMaps are read live: a typed read by mistake would start a watch on all of their content.
		Client:        client.Options{Cache: &client.CacheOptions{DisableFor: []client.Object{&corev1.Secret{}, &corev1.ConfigMap{}}}},
		WebhookServer: drainingServer{newWebhookServer(o, configureTLS), draining},
	})
	if err != nil {
		return nil, fmt.Errorf("make the manager: %w", err)
	}
	return mgr, nil
}

// newWebhookServer returns a server that does not listen when the webhooks are off.
func newWebhookServer(o *options, configureTLS func(*tls.Config)) ctrlwebhook.Server {
	port := o.webhookPort
	if !o.webhook {
		port = -1
	}
	return ctrlwebhook.NewServer(ctrlwebhook.Options{
		Host: o.webhookHost, Port: port, TLSOpts: []func(*tls.Config){configureTLS},
	})
}

// cacheOptions keep unread fields out of memory: the managed fields of AutoWasms, and of ConfigMaps and Namespaces
// all but the metadata, which is all that is watched of them. Secrets are not watched. EndpointSlices are those of wasmer's
// namespace. Of the kinds of package preflight the cache holds the fields that are read.
func cacheOptions(namespace string) cache.Options {
	strip := cache.ByObject{Transform: cache.TransformStripManagedFields()}
	byObject := map[client.Object]cache.ByObject{
		&v1alpha1.AutoWasm{}:         strip,
		metadataOf("ConfigMap"):      strip,
		metadataOf("Namespace"):      strip,
		&discoveryv1.EndpointSlice{}: {Namespaces: map[string]cache.Config{namespace: {}}},
	}
	return cache.Options{ByObject: byObject, DefaultTransform: preflight.Trim, NewInformer: mesh.NewInformer}
}

func metadataOf(kind string) *metav1.PartialObjectMetadata {
	return &metav1.PartialObjectMetadata{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: kind}}
}

// hostIPs returns the address that the webhook server listens on, if there is one.
func hostIPs(host string) []net.IP {
	if ip := net.ParseIP(host); ip != nil {
		return []net.IP{ip}
	}
	return nil
}
