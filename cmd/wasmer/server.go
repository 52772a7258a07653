// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"sync/atomic"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/autowasm/autowasm/certs"
	"github.com/autowasm/autowasm/controller"
	"github.com/autowasm/autowasm/internal/istio"
	"github.com/autowasm/autowasm/preflight"
	"github.com/autowasm/autowasm/proxies"
	"github.com/autowasm/autowasm/webhook"
)

// run serves until ctx ends: the pages at once, the rest when the cluster has what it needs.
func run(ctx context.Context, o *options) error {
	setLogger(o.logLevel, o.logFormat, os.Stderr)
	if err := registerBuild(metrics.Registry); err != nil {
		return fmt.Errorf("register the metric of the build: %w", err)
	}
	reserved := int64(0)
	if o.admission.ModuleTrial != webhook.Off {
		reserved = trialMemory(memlimit.FromCgroup)
	}
	if err := limitMemory(memlimit.FromCgroup, reserved); err != nil {
		log.Log.Info("The heap is not limited", "err", err.Error())
	}
	config, err := restConfig(o.kubeconfig)
	if err != nil {
		return err
	}
	pages, err := newPages(config, o)
	if err != nil {
		return err
	}
	return pages.serveDuring(ctx, func(ctx context.Context) error { return runParts(ctx, config, o, pages.health) })
}

// runParts waits for what the parts need of the cluster, wires them together and serves until ctx ends.
func runParts(ctx context.Context, config *rest.Config, o *options, h *health) error {
	certificate, err := newCertificate(config, o)
	if err != nil {
		return err
	}
	configureTLS, err := tlsOf(certificate, o.webhookClientCA)
	if err != nil {
		return err
	}
	kinds, err := awaitPrerequisites(ctx, config, h, metrics.Registry)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return err
	}
	draining := &atomic.Bool{}
	mgr, err := newManager(config, o, configureTLS, draining)
	if err != nil {
		return err
	}
	if err := addKinds(ctx, mgr, kinds); err != nil {
		return err
	}
	parts, err := newModules(mgr, o)
	if err != nil {
		return err
	}
	istiod := newIstiod(mgr, o)
	loader, err := newLoader(mgr, o, kinds, istiod)
	if err != nil {
		return err
	}
	err = errors.Join(
		addWebhooks(mgr, o, certificate, parts, loader),
		addControllers(mgr, o, parts, loader, istiod),
		addWeb(ctx, mgr, o, kinds),
	)
	if err != nil {
		return err
	}
	ready := &readiness{draining: draining, cache: mgr.GetCache(), modules: parts.server.Ready}
	ready.addChecks(h, mgr.GetWebhookServer(), certificate)
	return start(ctx, mgr, o, parts, ready)
}

// addKinds has the cache filled with the kinds that there are, and with others when they come.
func addKinds(ctx context.Context, mgr ctrl.Manager, kinds *preflight.Kinds) error {
	errs := []error{
		kinds.Fill(ctx, mgr.GetCache()),
		mgr.Add(&preflight.Arrivals{Config: mgr.GetConfig(), Cache: mgr.GetCache(), Kinds: kinds}),
	}
	for _, kind := range preflight.GroupKinds() {
		errs = append(errs, registerMissing(metrics.Registry, kind, kinds.Absent))
	}
	return errors.Join(errs...)
}

// start runs the manager and, beside it, the module server: what is on the disk is served to Envoy even while the API
// server is away and the manager's caches wait for it.
func start(ctx context.Context, mgr ctrl.Manager, o *options, m *modules, ready *readiness) error {
	serving, stop := ready.drain(ctx, o.shutdownDelay)
	defer stop()
	group, serving := errgroup.WithContext(serving)
	group.Go(func() error { return m.server.Start(log.IntoContext(serving, ctrl.Log)) })
	group.Go(func() error { return mgr.Start(serving) })
	defer m.stop() // when nothing is left that waits for it
	if err := group.Wait(); err != nil {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}

// restConfig says where the API server is. Requests are not limited on this side: an admission would wait for the
// controller's. The API server has its own limits (manifests/workload/flowschema.yaml). Its warnings are not logged:
// Istio has one for every EnvoyFilter, whatever it holds.
func restConfig(kubeconfig string) (*rest.Config, error) {
	config, err := findConfig(kubeconfig)
	if err != nil {
		return nil, err
	}
	config.QPS = -1
	config.WarningHandlerWithContext = rest.NoWarnings{}
	return config, nil
}

func findConfig(kubeconfig string) (*rest.Config, error) {
	if kubeconfig != "" {
		config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
		if err != nil {
			return nil, fmt.Errorf("--kubeconfig=%s: %w", kubeconfig, err)
		}
		return config, nil
	}
	config, err := ctrl.GetConfig()
	if err != nil {
		return nil, fmt.Errorf("find the API server: %w", err)
	}
	return config, nil
}

// newCertificate returns nil when there is no webhook to certify.
func newCertificate(config *rest.Config, o *options) (certs.Source, error) {
	if !o.webhook {
		return nil, nil
	}
	if o.certMode == certModeFiles {
		return certs.Files(certs.FilesOptions{Dir: o.certDir, WebhookConfigurations: o.webhookConfig, RESTConfig: config})
	}
	return certs.New(certs.Options{
		RESTConfig:            config,
		Namespace:             o.namespace,
		DNSNames:              certs.ServiceDNSNames(certs.WebhookService, o.namespace, o.clusterDomain),
		IPs:                   hostIPs(o.webhookHost),
		WebhookConfigurations: o.webhookConfig,
		URL:                   o.webhookURL,
	})
}

// tlsOf has the webhook server present certificate, and require one of an authority in the file clientCA, if set.
func tlsOf(certificate certs.Source, clientCA string) (func(*tls.Config), error) {
	if certificate == nil {
		return func(*tls.Config) {}, nil
	}
	present := certs.ConfigureTLS(certificate)
	if clientCA == "" {
		return present, nil
	}
	require, err := certs.RequireClients(clientCA)
	if err != nil {
		return nil, fmt.Errorf("--webhook-client-ca: %w", err)
	}
	return func(c *tls.Config) { present(c); require(c) }, nil
}

func addWebhooks(mgr ctrl.Manager, o *options, certificate certs.Source, m *modules, loader *preflight.Loader) error {
	if !o.webhook {
		return nil
	}
	if err := mgr.Add(certificate); err != nil {
		return fmt.Errorf("add the webhook's certificate: %w", err)
	}
	if err := metrics.Registry.Register(certs.Expiry(certificate)); err != nil {
		return fmt.Errorf("register the metric of the webhook's certificate: %w", err)
	}
	admission := o.admission
	admission.Fetcher = m.fetcher
	admission.Preflight = loader
	admission.Schemas = m.store
	if m.trials != nil {
		admission.Trials = m.trials
	}
	admission.Render = o.render
	admission.OwnNamespace, admission.RootNamespace = o.namespace, o.rootNamespace
	if err := webhook.SetupWithManager(mgr, admission); err != nil {
		return fmt.Errorf("set up the webhooks: %w", err)
	}
	return nil
}

func addControllers(mgr ctrl.Manager, o *options, m *modules, loader *preflight.Loader, istiod *proxies.Istiod) error {
	if !o.controller {
		return nil
	}
	observed, err := addProxies(mgr, o, m, loader.Kinds, istiod)
	if err != nil {
		return err
	}
	findings := preflight.NewReconciler(mgr.GetCache(), loader)
	if err := findings.SetupWithManager(mgr); err != nil {
		return err
	}
	reconciling := controller.Options{
		Fetcher:       m.fetcher,
		Render:        o.render,
		Preflight:     findings,
		SweepGrace:    o.sweepGrace,
		OwnNamespace:  o.namespace,
		RootNamespace: o.rootNamespace,
		Proxies:       observed,
		Metrics:       metrics.Registry,
	}
	if o.admission.ConfigSchema != webhook.Off {
		reconciling.Schemas = m.store
	}
	if m.trials != nil {
		reconciling.Trials = m.trials
	}
	if err := controller.SetupWithManager(mgr, reconciling); err != nil {
		return fmt.Errorf("set up the controllers: %w", err)
	}
	return nil
}

// newLoader returns what reads from the cache why a filter will not run, and from istiod the versions of the proxies.
func newLoader(mgr ctrl.Manager, o *options, kinds *preflight.Kinds, istiod *proxies.Istiod) (*preflight.Loader, error) {
	loader := &preflight.Loader{Reader: mgr.GetCache(), Kinds: kinds, Options: preflight.Options{
		RootNamespace: o.rootNamespace, Host: istio.HostOf(o.render.Cluster), Port: istio.PortOf(o.render.Cluster),
		UntestedProxies: o.untested,
	}}
	if o.untested == preflight.AllowUntested {
		return loader, nil
	}
	versions := proxies.NewVersions(istiod, nil)
	loader.Versions = versions
	if err := mgr.Add(versions); err != nil {
		return nil, fmt.Errorf("add the versions of the proxies: %w", err)
	}
	return loader, nil
}
