package webhook

import (
	"context"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch"
	"github.com/autowasm/autowasm/fetch/source"
	"github.com/autowasm/autowasm/internal/failure"
)

// preparation brings the module of a source into the store within a budget.
type preparation struct {
	fetcher Preparer
	check   SourceCheck
	budget  time.Duration
}

// module reports false when there is no module to generate for: because the check
// is off, or because of a failure, which is then in d.
func (p preparation) module(ctx context.Context, s subject, d *decision) (fetch.Module, bool) {
	if p.check == Off {
		return fetch.Module{}, false
	}
	ctx, cancel := withBudget(ctx, p.budget)
	defer cancel()
	module, err := p.fetcher.Ensure(ctx, requestOf(s))
	if err != nil {
		p.failed(ctx, s, failure.Of(err), d)
		return fetch.Module{}, false
	}
	d.note(auditReference, auditedReference(module))
	return module, true
}

// failed denies only what this request is answerable for: a source that was
// admitted before and has failed since does not stand in the way of an update to
// something else.
func (p preparation) failed(ctx context.Context, s subject, f *failure.Error, d *decision) {
	ctrl.LoggerFrom(ctx).V(1).Info("Module not ready at admission", "reason", f.Reason, "terminal", f.Terminal, "error", f.Error())
	d.note(auditSource, string(f.Reason))
	text := failureText(f, s.aw.Spec.Filter.Source)
	switch {
	case !f.Terminal:
		d.warn("%s", transientWarning(f.Reason, &s.aw.Spec))
	case p.check == Warn || s.sameSource():
		d.warn("%s: %s", sourcePath(f.Reason, &s.aw.Spec), text)
	default:
		d.deny(sourceError(f.Reason, text, &s.aw.Spec))
	}
}

// requestOf pins a tag to what it resolved to before, unless the policy is to look
// again on each change.
func requestOf(s subject) source.Request {
	r := source.RequestFor(s.aw)
	r.Pinned = pinOf(s)
	return r
}

func pinOf(s subject) string {
	registry := s.aw.Spec.Filter.Source.Registry
	if s.old == nil || registry == nil || registry.EffectivePullPolicy() == v1alpha1.PullAlways {
		return ""
	}
	module := s.old.Status.Module
	if module == nil || module.Source != source.SourceID(s.aw.Spec.Filter.Source) {
		return ""
	}
	return module.Reference
}
