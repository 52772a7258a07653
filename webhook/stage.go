// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/validation/field"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/autowasm/autowasm/fetch"
	"github.com/autowasm/autowasm/internal/fairness"
	"github.com/autowasm/autowasm/internal/istio"
	"github.com/autowasm/autowasm/internal/text"
	"github.com/autowasm/autowasm/render"
)

const (
	// stageTimeout bounds the calls to the API server that staging makes.
	stageTimeout = 2 * time.Second
	// maxStaging is how many admissions make them at once, on one replica; one namespace gets less than half of it. Two
	// replicas then fit into the 49 seats that the priority level workload-high keeps by default while others borrow from it,
	// as applies do that wait for their admissions. The leader's calls, and those for its Lease, have the same seats.
	maxStaging = 24
	// stagingWait is how long an admission waits for that. It is then admitted without.
	stagingWait = 300 * time.Millisecond
)

// outcome is what became of an EnvoyFilter at admission.
type outcome string

const (
	outcomeStaged   outcome = "Staged"   // created, to be adopted
	outcomeDryRun   outcome = "DryRun"   // would be accepted
	outcomeExists   outcome = "Exists"   // ours exists from before
	outcomeConflict outcome = "Conflict" // it was changed or deleted at the same time
	outcomeForeign  outcome = "Foreign"  // an EnvoyFilter of another origin has the name
	outcomeRefused  outcome = "Refused"  // Istio or a policy denies it
	outcomeFailed   outcome = "Failed"   // not written, for reasons that are not the object's
	outcomeBusy     outcome = "Busy"     // not tried, since too many others were under way
)

// stager renders an EnvoyFilter and creates it, or has the API server dry-run the write.
type stager struct {
	client client.Client
	reader client.Reader
	render render.Options
	// create is false for a dry run in any case.
	create  bool
	limiter *fairness.Limiter
	metrics *metrics
}

func newStager(o Options) *stager {
	return &stager{
		client: o.Client, reader: o.Reader, render: o.Render, create: o.Stage,
		limiter: fairness.NewLimiter(maxStaging), metrics: o.metrics,
	}
}

// stage makes the EnvoyFilter of an object whose module is in the store.
func (s *stager) stage(ctx context.Context, r request, m fetch.Module, resp *response) {
	if r.unnamed {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, stageTimeout)
	defer cancel()
	ef, err := render.EnvoyFilter(r.aw, render.Module{SHA256: m.SHA256, Reference: m.Reference}, s.render)
	if err != nil {
		resp.deny(field.Forbidden(field.NewPath("spec", "filter"), detail(redact(err.Error(), r.aw.Spec.Filter.Source))))
		return
	}
	s.record(ctx, s.writeLimited(ctx, r, ef, resp), resp)
}

// writeLimited leaves the EnvoyFilter to the controller when too many are written.
func (s *stager) writeLimited(ctx context.Context, r request, ef *unstructured.Unstructured, resp *response) outcome {
	waiting, cancel := context.WithTimeout(ctx, stagingWait)
	defer cancel()
	release, err := s.limiter.Acquire(waiting, r.aw.Namespace, r.aw.Namespace)
	if err != nil {
		resp.warn("the EnvoyFilter is left to the controller: too many others are being checked")
		return outcomeBusy
	}
	defer release()
	return s.write(ctx, r, ef, resp)
}

func (s *stager) write(ctx context.Context, r request, ef *unstructured.Unstructured, resp *response) outcome {
	if r.old != nil {
		return s.dryRunUpdate(ctx, r, ef, resp)
	}
	return s.createNew(ctx, r, ef, r.dryRun || !s.create, resp)
}

func (s *stager) record(ctx context.Context, o outcome, resp *response) {
	resp.annotate(auditEnvoyFilter, string(o))
	s.metrics.staged.WithLabelValues(string(o)).Inc()
	ctrl.LoggerFrom(ctx).V(1).Info("Staged EnvoyFilter at admission", "outcome", o)
}

// createNew never applies: an apply would take over a foreign EnvoyFilter of the same name without an error.
func (s *stager) createNew(ctx context.Context, r request, ef *unstructured.Unstructured, dryRun bool, resp *response) outcome {
	err := render.Stage(ef, r.uid)
	if err == nil {
		err = s.client.Create(ctx, ef, createOptions(dryRun)...)
	}
	switch {
	case err == nil && dryRun:
		return outcomeDryRun
	case err == nil:
		return outcomeStaged
	case apierrors.IsAlreadyExists(err):
		return s.nameTaken(ctx, r, resp)
	}
	return failedWrite(err, r, resp)
}

func createOptions(dryRun bool) []client.CreateOption {
	options := []client.CreateOption{client.FieldOwner(render.FieldManager)}
	if dryRun {
		options = append(options, client.DryRunAll)
	}
	return options
}

// nameTaken reads the EnvoyFilter that has the name. Ours is left to the controller: it outlived a deleted AutoWasm.
func (s *stager) nameTaken(ctx context.Context, r request, resp *response) outcome {
	existing := istio.NewEnvoyFilter()
	err := s.reader.Get(ctx, client.ObjectKeyFromObject(r.aw), existing)
	switch {
	case apierrors.IsNotFound(err):
		return outcomeConflict
	case err != nil:
		return failedWrite(fmt.Errorf("read the EnvoyFilter of that name: %w", err), r, resp)
	case render.IsOurs(existing, r.aw):
		return outcomeExists
	}
	resp.deny(field.Invalid(field.NewPath("metadata", "name"), r.aw.Name, fmt.Sprintf(
		"EnvoyFilter %s/%s exists already and was not generated for this AutoWasm: choose another name, or delete that EnvoyFilter", r.aw.Namespace, r.aw.Name)))
	return outcomeForeign
}

// dryRunUpdate has Istio's validation check the changed EnvoyFilter, and writes nothing: a change that another
// webhook then rejects must not reach the proxies. The controller applies it once the AutoWasm is persisted.
//
// It is an update of the present object: a server-side apply would take over a foreign EnvoyFilter.
func (s *stager) dryRunUpdate(ctx context.Context, r request, ef *unstructured.Unstructured, resp *response) outcome {
	live := istio.NewEnvoyFilter()
	err := s.reader.Get(ctx, client.ObjectKeyFromObject(r.aw), live)
	switch {
	case apierrors.IsNotFound(err):
		return s.createNew(ctx, r, ef, true, resp)
	case err != nil:
		return failedWrite(fmt.Errorf("read the EnvoyFilter: %w", err), r, resp)
	case !render.IsOurs(live, r.aw):
		resp.warn("EnvoyFilter %s was not generated for this AutoWasm and is left alone: the filter does not run", text.Elide(r.aw.Name))
		return outcomeForeign
	}
	render.Merge(live, ef)
	err = s.client.Update(ctx, live, client.FieldOwner(render.FieldManager), client.DryRunAll)
	switch {
	case err == nil:
		return outcomeDryRun
	case apierrors.IsConflict(err):
		return outcomeConflict
	}
	return failedWrite(err, r, resp)
}
