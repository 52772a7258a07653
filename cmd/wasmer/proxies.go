// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"

	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/autowasm/autowasm/controller"
	"github.com/autowasm/autowasm/fetch/peer"
	"github.com/autowasm/autowasm/internal/egress"
	"github.com/autowasm/autowasm/preflight"
	"github.com/autowasm/autowasm/proxies"
)

// istiodPort is where istiod serves xDS over TLS.
const istiodPort = 15012

// istiodName is istiod's, by the label app of the Services of all of its revisions, and by the certificates of all.
const istiodName = "istiod"

// addProxies adds what observes the proxies to mgr; nil when nothing does.
func addProxies(mgr ctrl.Manager, o *options, m *modules, kinds *preflight.Kinds, istiod *proxies.Istiod) (controller.Proxies, error) {
	observe := proxyOptions(o, m, kinds, istiod)
	if observe == nil {
		return nil, nil
	}
	r := proxies.NewReconciler(mgr.GetCache(), *observe)
	return r, r.SetupWithManager(mgr)
}

// proxyOptions say how the proxies are observed; nil when they are not to be, or wasmer may not see which there are.
func proxyOptions(o *options, m *modules, kinds *preflight.Kinds, istiod *proxies.Istiod) *proxies.Options {
	if !kinds.Has(preflight.Pods) || o.proxyCheckInterval == 0 {
		return nil
	}
	return &proxies.Options{
		Scraper:       proxies.NewScraper(proxies.ScraperOptions{Guard: egress.Options{AllowLoopback: o.guard.AllowLoopback}}),
		Accesses:      peer.NewAccesses(m.server.Accesses, m.peers),
		SyncStatus:    istiod,
		RootNamespace: o.rootNamespace,
		Interval:      o.proxyCheckInterval,
	}
}

// newIstiod returns what reads from istiod what its proxies are and what they rejected.
func newIstiod(mgr ctrl.Manager, o *options) *proxies.Istiod {
	return proxies.NewIstiod(proxies.IstiodOptions{
		Instances: istiods(mgr, o),
		Namespace: o.namespace,
		Service:   cmp.Or(o.istiodService, istiodName),
		CAFile:    o.istiodCAFile,
		TokenFile: o.istiodTokenFile,
	})
}

// istiods finds the replicas of istiod in wasmer's namespace, to which alone it answers: those of one Service, or else of
// every revision, since each knows the proxies that are connected to it. --istiod-address overrides it.
func istiods(mgr ctrl.Manager, o *options) func(context.Context) ([]string, error) {
	if o.istiodAddress != "" {
		return func(context.Context) ([]string, error) { return []string{o.istiodAddress}, nil }
	}
	return peer.Endpoints{
		Reader: mgr.GetCache(), Namespace: o.namespace, Port: istiodPort,
		Service: o.istiodService, Labels: map[string]string{"app": istiodName},
	}.Addresses
}
