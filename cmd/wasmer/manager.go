package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
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
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	ctrlwebhook "sigs.k8s.io/controller-runtime/pkg/webhook"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/preflight"
)

// leaseName is the Lease by which the replicas elect the one that writes.
const leaseName = "wasmer"

// How long what is under way may take to end, once wasmer has stopped listening.
// Both run at the same time, and with the shutdown delay before them must fit into
// the deployment's terminationGracePeriodSeconds.
const (
	// drainTimeout is for admissions, fetches and reconciles.
	drainTimeout = 20 * time.Second
	// moduleDrainTimeout is for modules that proxies load.
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

// newManager makes the manager that owns every part. configureTLS gives the
// webhook server its certificate, draining tells it that wasmer is about to end,
// kinds are those of others that the cache holds.
func newManager(config *rest.Config, o *options, configureTLS func(*tls.Config), draining *atomic.Bool, kinds preflight.Kinds) (ctrl.Manager, error) {
	scheme, err := newScheme()
	if err != nil {
		return nil, err
	}
	mgr, err := ctrl.NewManager(config, ctrl.Options{
		Scheme:                        scheme,
		Metrics:                       metricsserver.Options{BindAddress: o.metricsAddress},
		HealthProbeBindAddress:        o.healthAddress,
		LeaderElection:                o.controller && o.leaderElect,
		LeaderElectionID:              leaseName,
		LeaderElectionNamespace:       o.namespace,
		LeaderElectionReleaseOnCancel: true,
		GracefulShutdownTimeout:       new(drainTimeout),
		Cache:                         cacheOptions(o.namespace, kinds),
		Client:                        clientOptions(),
		WebhookServer:                 leavingServer{newWebhookServer(o, configureTLS), draining},
	})
	if err != nil {
		return nil, fmt.Errorf("make the manager: %w", err)
	}
	return mgr, nil
}

// newWebhookServer listens nowhere when the webhooks are off.
func newWebhookServer(o *options, configureTLS func(*tls.Config)) ctrlwebhook.Server {
	port := o.webhookPort
	if !o.webhook {
		port = -1
	}
	return ctrlwebhook.NewServer(ctrlwebhook.Options{
		Host: o.webhookHost, Port: port, TLSOpts: []func(*tls.Config){configureTLS},
	})
}

// cacheOptions keep out of memory what nobody reads: who manages which field of
// an AutoWasm, and of Secrets, ConfigMaps and Namespaces all but the metadata,
// which is all that is watched of them. EndpointSlices are those of our own
// Service. Of the others' objects it keeps what is read.
func cacheOptions(namespace string, kinds preflight.Kinds) cache.Options {
	strip := cache.ByObject{Transform: cache.TransformStripManagedFields()}
	byObject := map[client.Object]cache.ByObject{
		&v1alpha1.AutoWasm{}:          strip,
		metadataOf("v1", "Secret"):    strip,
		metadataOf("v1", "ConfigMap"): strip,
		metadataOf("v1", "Namespace"): strip,
		&discoveryv1.EndpointSlice{}:  {Namespaces: map[string]cache.Config{namespace: {}}},
	}
	kinds.AddTo(byObject)
	return cache.Options{ByObject: byObject}
}

// clientOptions read Secrets and ConfigMaps live, so that a typed read by mistake
// never starts a watch on the content of all of them.
func clientOptions() client.Options {
	return client.Options{Cache: &client.CacheOptions{
		DisableFor: []client.Object{&corev1.Secret{}, &corev1.ConfigMap{}},
	}}
}

func metadataOf(apiVersion, kind string) *metav1.PartialObjectMetadata {
	return &metav1.PartialObjectMetadata{TypeMeta: metav1.TypeMeta{APIVersion: apiVersion, Kind: kind}}
}

// readiness is what /readyz asks.
type readiness struct {
	cache    cache.Cache
	modules  func() error
	draining *atomic.Bool
}

// syncCheckTimeout bounds the look at the caches: they are synced at once, or not
// yet.
const syncCheckTimeout = 500 * time.Millisecond

// addChecks makes /readyz fail until the caches are synced, both servers listen and
// the webhook's certificate is trusted, and again once wasmer is told to stop.
func (r *readiness) addChecks(mgr ctrl.Manager, certificate func() error, webhook bool) error {
	checks := map[string]healthz.Checker{
		"caches":       r.synced,
		"modules":      func(*http.Request) error { return r.modules() },
		"not-draining": r.serving,
	}
	if webhook {
		checks["webhook"] = onceReady(mgr.GetWebhookServer().StartedChecker())
		checks["certificate"] = func(*http.Request) error { return certificate() }
	}
	var errs []error
	for name, check := range checks {
		errs = append(errs, mgr.AddReadyzCheck(name, check))
	}
	errs = append(errs, mgr.AddHealthzCheck("ping", healthz.Ping))
	return errors.Join(errs...)
}

// onceReady asks until the answer is good, and then no more: a server that listens
// goes on to, or wasmer ends. To ask is to connect, which a server that wants a
// client certificate writes to the log as a failure.
func onceReady(check healthz.Checker) healthz.Checker {
	var passed atomic.Bool
	return func(request *http.Request) error {
		if passed.Load() {
			return nil
		}
		err := check(request)
		passed.Store(err == nil)
		return err
	}
}

func (r *readiness) synced(request *http.Request) error {
	ctx, cancel := context.WithTimeout(request.Context(), syncCheckTimeout)
	defer cancel()
	if !r.cache.WaitForCacheSync(ctx) {
		return errors.New("the caches are not synced yet")
	}
	return nil
}

func (r *readiness) serving(*http.Request) error {
	if r.draining.Load() {
		return errors.New("shutting down")
	}
	return nil
}

// drain returns a context that ends some time after ctx: meanwhile wasmer is not
// ready but serves, until everybody who calls it has learned so.
func (r *readiness) drain(ctx context.Context, delay time.Duration) (context.Context, context.CancelFunc) {
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	detach := context.AfterFunc(ctx, func() {
		r.draining.Store(true)
		select {
		case <-time.After(delay):
			stop()
		case <-serving.Done():
		}
	})
	return serving, func() { detach(); stop() }
}

// hostIPs are the address that the webhook server listens on, if it is named.
func hostIPs(host string) []net.IP {
	if ip := net.ParseIP(host); ip != nil {
		return []net.IP{ip}
	}
	return nil
}
