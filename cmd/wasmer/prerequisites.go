// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/istio"
	"github.com/autowasm/autowasm/preflight"
)

// prerequisiteInterval is how often the cluster is polled for what it lacks.
const prerequisiteInterval = 5 * time.Second

// prerequisite is a kind without which wasmer can do nothing, and what brings it.
type prerequisite struct {
	kind   schema.GroupVersionKind
	remedy string
}

var prerequisites = []prerequisite{
	{v1alpha1.GroupVersion.WithKind(v1alpha1.Kind), "apply AutoWasm's CRD, manifests/crd"},
	{schema.FromAPIVersionAndKind(istio.EnvoyFilterAPIVersion, istio.EnvoyFilterKind), "install Istio, or its CRDs alone with its Helm chart base"},
}

// awaitPrerequisites waits until the API server answers and has the prerequisites, and returns which other kinds it has.
// Meanwhile /readyz says what it waits for. The end of ctx ends it with the error of ctx.
func awaitPrerequisites(ctx context.Context, config *rest.Config, h *health, registry prometheus.Registerer) (*preflight.Kinds, error) {
	w := &waiting{lookUp: func(ctx context.Context) (*preflight.Kinds, []prerequisite, error) { return lookUp(ctx, config) }}
	h.add(prerequisitesCheck, w.check)
	if err := w.register(registry); err != nil {
		return nil, err
	}
	return w.await(ctx)
}

// waiting is the wait for the prerequisites.
type waiting struct {
	lookUp func(context.Context) (*preflight.Kinds, []prerequisite, error)

	mu      sync.Mutex
	missing []prerequisite
	reason  error // for which wasmer is not ready
}

func (w *waiting) await(ctx context.Context) (*preflight.Kinds, error) {
	w.set(nil, errStarting)
	for {
		kinds, missing, err := w.lookUp(ctx)
		if err == nil && len(missing) == 0 {
			w.set(nil, errStarting)
			return kinds, nil
		}
		if err == nil {
			err = lacks(missing)
		}
		if w.set(missing, err) && ctx.Err() == nil {
			log.Log.Info("Waiting for what wasmer needs", "err", err.Error())
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(prerequisiteInterval):
		}
	}
}

// lacks says in one sentence what is missing and what to do.
func lacks(missing []prerequisite) error {
	var all []string
	for _, m := range missing {
		all = append(all, fmt.Sprintf("the cluster has no kind %s of %s: %s", m.kind.Kind, m.kind.GroupVersion(), m.remedy))
	}
	return errors.New(strings.Join(all, "; ") + "; wasmer then goes on by itself")
}

// set reports whether the reason is another than it was.
func (w *waiting) set(missing []prerequisite, reason error) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	changed := w.reason == nil || w.reason.Error() != reason.Error()
	w.missing, w.reason = missing, reason
	return changed
}

func (w *waiting) check(*http.Request) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.reason
}

func (w *waiting) lacks(kind schema.GroupKind) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.ContainsFunc(w.missing, func(m prerequisite) bool { return m.kind.GroupKind() == kind })
}

func (w *waiting) register(registry prometheus.Registerer) error {
	var errs []error
	for _, p := range prerequisites {
		errs = append(errs, registerMissing(registry, p.kind.GroupKind(), w.lacks))
	}
	return errors.Join(errs...)
}

// registerMissing registers the metric of one kind.
func registerMissing(registry prometheus.Registerer, kind schema.GroupKind, missing func(schema.GroupKind) bool) error {
	return registry.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name:        "wasmer_kind_missing",
		Help:        "Whether the cluster lacks a kind that wasmer works with: 1 while it does.",
		ConstLabels: prometheus.Labels{"kind": kind.String()},
	}, func() float64 {
		if missing(kind) {
			return 1
		}
		return 0
	}))
}

// lookUp asks the API server which prerequisites are missing and, when none is, which other kinds there are.
func lookUp(ctx context.Context, config *rest.Config) (*preflight.Kinds, []prerequisite, error) {
	httpClient, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, nil, fmt.Errorf("make a client of the API server: %w", err)
	}
	mapper, err := apiutil.NewDynamicRESTMapper(config, httpClient)
	if err != nil {
		return nil, nil, fmt.Errorf("make a mapper of the API server's kinds: %w", err)
	}
	var missing []prerequisite
	for _, p := range prerequisites {
		_, err := mapper.RESTMapping(p.kind.GroupKind(), p.kind.Version)
		if meta.IsNoMatchError(err) {
			missing = append(missing, p)
		} else if err != nil {
			return nil, nil, fmt.Errorf("find out whether the cluster has kind %s: %w", p.kind.Kind, err)
		}
	}
	if len(missing) > 0 {
		return nil, missing, nil
	}
	kinds, err := preflight.Discover(ctx, config)
	return kinds, nil, err
}
