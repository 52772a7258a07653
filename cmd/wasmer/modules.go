// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/autowasm/autowasm/fetch"
	"github.com/autowasm/autowasm/fetch/peer"
	"github.com/autowasm/autowasm/fetch/serve"
	"github.com/autowasm/autowasm/fetch/source"
	"github.com/autowasm/autowasm/fetch/store"
	"github.com/autowasm/autowasm/trial"
	"github.com/autowasm/autowasm/webhook"
)

// modules are the parts that bring and serve modules. The server does without the manager and the API server.
type modules struct {
	fetcher *fetch.Fetcher
	server  *serve.Server
	// store has the modules, and with them the schemas that they carry.
	store *store.Store
	// trials tries modules; nil when none are tried.
	trials *trial.Trials
	// peers finds the other replicas.
	peers peer.Find
}

// newModules makes the parts, and adds to the manager what is run by it.
func newModules(mgr ctrl.Manager, o *options) (*modules, error) {
	kept, err := store.Open(o.store)
	if err != nil {
		return nil, err
	}
	sources, err := newSources(mgr, o)
	if err != nil {
		return nil, err
	}
	peers, err := findPeers(mgr, o)
	if err != nil {
		return nil, err
	}
	fetching := o.fetch
	fetching.Store, fetching.Sources = kept, sources
	fetching.Reader = mgr.GetCache()
	fetching.Peers = peers
	if fetching.Shared, err = sharedModules(mgr, o); err != nil {
		return nil, err
	}
	fetcher := fetch.New(fetching)
	err = errors.Join(
		fetch.IndexModules(context.Background(), mgr.GetFieldIndexer()),
		fetcher.Register(metrics.Registry),
		mgr.Add(&fetch.Evictor{Store: kept, Reader: mgr.GetCache(), Interval: o.evictInterval}),
	)
	if err != nil {
		return nil, fmt.Errorf("add the fetcher: %w", err)
	}
	trials, err := newTrials(o, kept)
	if err != nil {
		return nil, err
	}
	return &modules{fetcher: fetcher, store: kept, trials: trials, server: serve.New(moduleServerOptions(o, kept, fetcher)), peers: peers}, nil
}

// newTrials returns nil when modules are not to be tried, or there is no memory for it.
func newTrials(o *options, kept *store.Store) (*trial.Trials, error) {
	memory := trialMemory(memlimit.FromCgroup)
	switch {
	case o.admission.ModuleTrial == webhook.Off:
		return nil, nil
	case memory < trial.MinMemory:
		log.Log.Info("Modules are not tried: the container has too little memory", "needed", ownMemory+trial.MinMemory)
		return nil, nil
	}
	open := func(sha256 string) (*os.File, error) {
		file, _, err := kept.OpenFile(sha256)
		return file, err
	}
	if !trial.Confined() {
		log.Log.Info("Modules are tried without seccomp, which the kernel or the container's profile lacks: one that breaks out of its engine reads the files of this container")
	}
	trials := trial.New(trial.Options{Open: open, Memory: memory})
	return trials, trials.Register(metrics.Registry)
}

// stop ends what works in the background.
func (m *modules) stop() {
	if m.trials != nil {
		m.trials.Stop()
	}
	m.fetcher.Stop()
}

func moduleServerOptions(o *options, kept *store.Store, filler serve.Filler) serve.Options {
	return serve.Options{
		Store: kept, Filler: filler, Registry: metrics.Registry, Address: o.moduleAddress, DrainTimeout: moduleDrainTimeout,
	}
}

func newSources(mgr ctrl.Manager, o *options) (*source.Sources, error) {
	roots, err := rootCAs(o.caFile)
	if err != nil {
		return nil, err
	}
	guard := o.guard
	guard.RootCAs = roots
	return source.New(source.Options{
		Reader:         mgr.GetAPIReader(),
		Guard:          guard,
		MaxModuleBytes: o.store.MaxModuleBytes,
		PlainHTTPHosts: o.plainHTTPHosts,
		UserAgent:      "wasmer/" + version,
	}), nil
}

// rootCAs are the system's and those of a file; nil, the system's alone, without one.
func rootCAs(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("--ca-file: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("read the system's certificate authorities: %w", err)
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("--ca-file: %s holds no PEM certificate", file)
	}
	return pool, nil
}

// sharedSecret is the Secret by which the replicas know what each has downloaded.
const sharedSecret = "wasmer-modules"

func sharedModules(mgr ctrl.Manager, o *options) (*peer.Shared, error) {
	replica, err := replicaName()
	if err != nil {
		return nil, err
	}
	return &peer.Shared{
		Reader: mgr.GetAPIReader(), Writer: mgr.GetClient(), Replica: replica,
		Secret: types.NamespacedName{Namespace: o.namespace, Name: sharedSecret},
	}, nil
}

// replicaName is that of the Pod.
func replicaName() (string, error) {
	name, err := os.Hostname()
	if err != nil {
		return "", fmt.Errorf("find this replica's name: %w", err)
	}
	return name, nil
}

// findPeers finds the other replicas by the Service that Envoy uses, at the port that they all listen on.
func findPeers(mgr ctrl.Manager, o *options) (peer.Find, error) {
	_, port, err := net.SplitHostPort(o.moduleAddress)
	if err != nil {
		return nil, fmt.Errorf("--module-address=%s: %w", o.moduleAddress, err)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return nil, fmt.Errorf("--module-address=%s: the port must be a number", o.moduleAddress)
	}
	endpoints := peer.Endpoints{
		Reader: mgr.GetCache(), Namespace: o.namespace, Service: o.service, OwnIP: os.Getenv("POD_IP"), Port: number,
	}
	return endpoints.URLs, nil
}
