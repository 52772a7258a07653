package webhook

import (
	"context"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/preflight"
)

// Preflight tells what of the cluster keeps the filter of an AutoWasm from running.
// A *preflight.Loader is one.
type Preflight interface {
	Findings(ctx context.Context, aw *v1alpha1.AutoWasm) ([]preflight.Finding, error)
}

// preflightTimeout ends the look at caches that are not filled yet: an admission
// does not wait for advice.
const preflightTimeout = 100 * time.Millisecond

// maxFindings bounds the warnings of one admission: the API server drops those that
// are too much for it. The status has all.
const maxFindings = 5

// preflights warns of what was found. It denies nothing: what is missing may come
// later, and failing to look is no fault of the object.
type preflights struct{ look Preflight }

func (p preflights) warn(ctx context.Context, aw *v1alpha1.AutoWasm, d *decision) {
	if p.look == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, preflightTimeout)
	defer cancel()
	findings, err := p.look.Findings(ctx, aw)
	if err != nil {
		ctrl.LoggerFrom(ctx).V(1).Info("admitted without a look at what the filter meets", "why", err.Error())
		return
	}
	for _, f := range findings[:min(len(findings), maxFindings)] {
		d.warn("%s", f.Message)
	}
}
