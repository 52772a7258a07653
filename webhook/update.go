package webhook

import (
	"context"
	"fmt"
	"maps"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/autowasm/autowasm/internal/text"
	"github.com/autowasm/autowasm/render"
)

// rehearseUpdate lets Istio's validation look at the changed EnvoyFilter, and
// writes nothing: a change that another webhook then rejects must not reach the
// proxies. The controller applies it once the AutoWasm is persisted.
//
// It is rehearsed as an update of what is there: a server-side apply would take over
// a foreign EnvoyFilter.
func (g *generator) rehearseUpdate(ctx context.Context, s subject, ef *unstructured.Unstructured, d *decision) outcome {
	live := &unstructured.Unstructured{}
	live.SetGroupVersionKind(envoyFilterKind)
	err := g.reader.Get(ctx, client.ObjectKeyFromObject(s.aw), live)
	switch {
	case apierrors.IsNotFound(err):
		return g.create(ctx, s, ef, true, d)
	case err != nil:
		return failedWrite(fmt.Errorf("read the EnvoyFilter: %w", err), s, d)
	case !render.IsOurs(live, s.aw):
		d.warn("EnvoyFilter %s was not generated for this AutoWasm and is left alone: the filter does not run", text.Elide(s.aw.Name))
		return foreign
	}
	return g.rehearse(ctx, s, changed(live, ef), d)
}

func (g *generator) rehearse(ctx context.Context, s subject, ef *unstructured.Unstructured, d *decision) outcome {
	err := g.client.Update(ctx, ef, client.FieldOwner(render.FieldManager), client.DryRunAll)
	switch {
	case err == nil:
		return rehearsed
	case apierrors.IsConflict(err):
		return gone
	}
	return failedWrite(err, s, d)
}

// changed puts what is rendered into live, and keeps the metadata that others wrote.
func changed(live, rendered *unstructured.Unstructured) *unstructured.Unstructured {
	live.Object["spec"] = rendered.Object["spec"]
	live.SetLabels(merged(live.GetLabels(), rendered.GetLabels()))
	live.SetAnnotations(merged(live.GetAnnotations(), rendered.GetAnnotations()))
	return live
}

func merged(live, rendered map[string]string) map[string]string {
	out := make(map[string]string, len(live)+len(rendered))
	maps.Copy(out, live)
	maps.Copy(out, rendered)
	return out
}
