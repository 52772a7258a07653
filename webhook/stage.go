package webhook

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/autowasm/autowasm/fetch"
	"github.com/autowasm/autowasm/internal/istio"
	"github.com/autowasm/autowasm/render"
)

var envoyFilterKind = schema.FromAPIVersionAndKind(istio.EnvoyFilterAPIVersion, istio.EnvoyFilterKind)

// generation makes the EnvoyFilter of an object whose module is in the store, and
// tells d about it.
type generation interface {
	generate(ctx context.Context, s subject, m fetch.Module, d *decision)
}

// generator renders and writes, or rehearses the write.
type generator struct {
	client  client.Client
	reader  client.Reader
	render  render.Options
	stage   bool
	metrics *metrics
}

func (g *generator) generate(ctx context.Context, s subject, m fetch.Module, d *decision) {
	if s.unnamed {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, generateTimeout)
	defer cancel()
	ef, err := render.EnvoyFilter(s.aw, render.Module{SHA256: m.SHA256, Reference: m.Reference}, g.render)
	if err != nil {
		d.deny(field.Forbidden(field.NewPath("spec", "filter"), detail(discreet(err.Error(), s.aw.Spec.Filter.Source))))
		return
	}
	g.record(ctx, g.write(ctx, s, ef, d), d)
}

func (g *generator) write(ctx context.Context, s subject, ef *unstructured.Unstructured, d *decision) outcome {
	if s.old != nil {
		return g.rehearseUpdate(ctx, s, ef, d)
	}
	return g.create(ctx, s, ef, s.dryRun || !g.stage, d)
}

func (g *generator) record(ctx context.Context, o outcome, d *decision) {
	d.note(auditEnvoyFilter, string(o))
	g.metrics.generated.WithLabelValues(string(o)).Inc()
	ctrl.LoggerFrom(ctx).V(1).Info("Generated EnvoyFilter at admission", "outcome", o)
}

// create never applies: an apply would take over a foreign EnvoyFilter of the same
// name without a word.
func (g *generator) create(ctx context.Context, s subject, ef *unstructured.Unstructured, dryRun bool, d *decision) outcome {
	err := g.client.Create(ctx, ef, createOptions(dryRun)...)
	switch {
	case err == nil && dryRun:
		return rehearsed
	case err == nil:
		return staged
	case apierrors.IsAlreadyExists(err):
		return g.taken(ctx, s, d)
	}
	return failedWrite(err, s, d)
}

func createOptions(dryRun bool) []client.CreateOption {
	options := []client.CreateOption{client.FieldOwner(render.FieldManager)}
	if dryRun {
		options = append(options, client.DryRunAll)
	}
	return options
}

// taken looks at the EnvoyFilter that has the name already. Ours is left to the
// controller: the AutoWasm was deleted and made again before its EnvoyFilter went.
func (g *generator) taken(ctx context.Context, s subject, d *decision) outcome {
	existing := &metav1.PartialObjectMetadata{}
	existing.SetGroupVersionKind(envoyFilterKind)
	err := g.reader.Get(ctx, client.ObjectKeyFromObject(s.aw), existing)
	switch {
	case apierrors.IsNotFound(err):
		return gone
	case err != nil:
		return failedWrite(fmt.Errorf("read the EnvoyFilter of that name: %w", err), s, d)
	case render.IsOurs(existing, s.aw):
		return exists
	}
	d.deny(field.Invalid(field.NewPath("metadata", "name"), s.aw.Name, fmt.Sprintf(
		"EnvoyFilter %s/%s exists already and was not generated for this AutoWasm: choose another name, or delete that EnvoyFilter", s.aw.Namespace, s.aw.Name)))
	return foreign
}
