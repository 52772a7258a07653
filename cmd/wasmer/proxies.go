package main

import (
	"context"

	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/autowasm/autowasm/controller"
	"github.com/autowasm/autowasm/fetch/peer"
	"github.com/autowasm/autowasm/internal/egress"
	"github.com/autowasm/autowasm/preflight"
	"github.com/autowasm/autowasm/proxies"
)

// istiodPort is where istiod tells of its proxies, beside its metrics.
const istiodPort = 15014

// proxyOptions say how the controller asks the proxies what they run; nil when it does
// not, or may not see which there are.
func proxyOptions(mgr ctrl.Manager, o *options, m *modules, kinds preflight.Kinds) *controller.ProxyOptions {
	if _, ok := kinds[preflight.Pods]; !ok || o.proxyCheckInterval == 0 {
		return nil
	}
	return &controller.ProxyOptions{
		Asker:     proxies.NewAsker(proxies.Options{Guard: egress.Options{AllowLoopback: o.allowLoopback}}),
		Sightings: peer.NewAccesses(m.server.Accesses, m.peers),
		Refusals:  newControl(mgr, o),
		Interval:  o.proxyCheckInterval,
	}
}

func newControl(mgr ctrl.Manager, o *options) *proxies.Control {
	return proxies.NewControl(proxies.ControlOptions{Instances: istiods(mgr, o), TokenFile: o.istiodTokenFile})
}

// istiods finds the replicas of istiod by its Service, or takes the one that it is
// told. istiod answers those of its own namespace alone, so it is looked for there.
func istiods(mgr ctrl.Manager, o *options) func(context.Context) ([]string, error) {
	if o.istiodURL != "" {
		return func(context.Context) ([]string, error) { return []string{o.istiodURL}, nil }
	}
	return peer.Endpoints{Reader: mgr.GetCache(), Namespace: o.namespace, Service: o.istiodService, Port: istiodPort}.URLs
}
