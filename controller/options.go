// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch"
	"github.com/autowasm/autowasm/fetch/module"
	"github.com/autowasm/autowasm/fetch/source"
	"github.com/autowasm/autowasm/proxies"
	"github.com/autowasm/autowasm/render"
	"github.com/autowasm/autowasm/trial"
)

// Fetcher brings modules from their sources into this replica's store. A *fetch.Fetcher is one.
type Fetcher interface {
	// Begin returns the task that brings the module of a request into the store.
	Begin(ctx context.Context, r source.Request) *fetch.Task
	// Fill returns when the module of a sha256 is in the store, or with a *failure.Error.
	Fill(ctx context.Context, sha256 string) error
	// Lookup returns the module of a sha256 if it is in the store.
	Lookup(sha256 string) (module.Info, bool)
}

// DefaultSweepGrace is the default of Options.SweepGrace.
const DefaultSweepGrace = 5 * time.Second

const (
	// fetchWait is how long a worker waits for a fetch, whose end enqueues its AutoWasm.
	fetchWait = 2 * time.Second
	// workers is how many AutoWasms are reconciled at once, at most half of them of one namespace.
	workers = 8
)

// Proxies reports what the proxies of AutoWasms run. A *proxies.Reconciler is one.
type Proxies interface {
	// Snapshot returns what the proxies have made of ef, aw's as it is rendered now; false while that is not known.
	Snapshot(ctx context.Context, aw *v1alpha1.AutoWasm, ef *unstructured.Unstructured) (proxies.Snapshot, bool)
	// ReloadDue reports whether the proxies should be made to load the module that ef names again.
	ReloadDue(aw *v1alpha1.AutoWasm, ef *unstructured.Unstructured) bool
	// OnChange has f called with each AutoWasm for which one of these has changed. It is called before anything runs.
	OnChange(f func(types.NamespacedName))
}

// Preflight reports what in the cluster keeps a filter from running. A *preflight.Reconciler is one.
type Preflight interface {
	// Condition returns PreflightPassed as it is now; nil when that is not known.
	Condition(ctx context.Context, aw *v1alpha1.AutoWasm) *metav1.Condition
	// Refusal returns why the filter of aw must not come to proxies that have none yet; "" when it may.
	Refusal(ctx context.Context, aw *v1alpha1.AutoWasm) string
	// OnChange has f called with each AutoWasm whose Condition has changed. It is called before anything runs.
	OnChange(f func(types.NamespacedName))
}

// Trials tries modules. A *trial.Trials is one.
type Trials interface {
	// Begin returns the task of a trial, which has ended if the result is known; nil while too many others wait.
	Begin(trial.Request) *trial.Task
}

// Options are what the controllers work with.
type Options struct {
	// Fetcher resolves and fetches modules. Required.
	Fetcher Fetcher
	// Render says where the proxies load modules from. Required.
	Render render.Options
	// Schemas reads the schemas that modules carry; with nil no configuration is validated.
	Schemas Schemas
	// Trials tries modules; with nil the status does not say what becomes of them.
	Trials Trials
	// Preflight reports what in the cluster keeps a filter from running; with nil the status does not say.
	Preflight Preflight
	// SweepGrace is how long a staged EnvoyFilter that this process has observed may lack its AutoWasm. 0 and below
	// mean DefaultSweepGrace.
	SweepGrace time.Duration
	// Proxies reports what the proxies run; with nil the status does not say.
	Proxies Proxies
	// OwnNamespace is the server's, in which an AutoWasm may not select the server itself; "" when there is none.
	OwnNamespace string
	// RootNamespace is Istio's, whose EnvoyFilters every proxy of the mesh takes; "" when there is none.
	RootNamespace string
	// Events receives the Events; nil means the manager's recorder.
	Events events.EventRecorder
	// Metrics is where the count of AutoWasms is registered; nil for none.
	Metrics prometheus.Registerer
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

func (o Options) withDefaults() Options {
	if o.SweepGrace <= 0 {
		o.SweepGrace = DefaultSweepGrace
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

func (o Options) check() error {
	if o.Fetcher == nil {
		return errors.New("set up the controllers: Options.Fetcher is not set")
	}
	if o.Render.Cluster == "" || o.Render.BaseURL == "" {
		return errors.New("set up the controllers: Options.Render is not set")
	}
	return nil
}
