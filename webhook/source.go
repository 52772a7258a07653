// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"k8s.io/apimachinery/pkg/util/validation/field"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch"
	"github.com/autowasm/autowasm/fetch/source"
	"github.com/autowasm/autowasm/internal/failure"
	"github.com/autowasm/autowasm/internal/text"
	"github.com/autowasm/autowasm/validation"
)

// sourceCheck fetches the module of a source within a budget.
type sourceCheck struct {
	fetcher Fetcher
	mode    SourceCheck
	budget  time.Duration
}

// module reports false when there is no module to stage: the check is off, or has failed, which is then in resp.
func (c sourceCheck) module(ctx context.Context, r request, resp *response) (fetch.Module, bool) {
	if c.mode == Off {
		return fetch.Module{}, false
	}
	ctx, cancel := withBudget(ctx, c.budget)
	defer cancel()
	module, err := c.fetcher.Ensure(ctx, requestOf(r))
	if err != nil {
		c.failed(ctx, r, failure.Of(err), resp)
		return fetch.Module{}, false
	}
	reference, _, _ := strings.Cut(module.Reference, "?") // the query may be a signature
	resp.annotate(auditReference, reference)
	return module, true
}

// withBudget bounds the wait for a module, such that time is left to stage.
func withBudget(ctx context.Context, budget time.Duration) (context.Context, context.CancelFunc) {
	if deadline, ok := ctx.Deadline(); ok {
		remaining := time.Until(deadline)
		budget = min(budget, max(remaining/2, remaining-stageTimeout))
	}
	return context.WithTimeout(ctx, budget)
}

// failed denies only what this request is answerable for: a source that was admitted before and has failed since does
// not stand in the way of an update to something else.
func (c sourceCheck) failed(ctx context.Context, r request, f *failure.Error, resp *response) {
	ctrl.LoggerFrom(ctx).V(1).Info("Module not ready at admission", "reason", f.Reason, "terminal", f.Terminal, "err", f.Error())
	resp.annotate(auditSource, string(f.Reason))
	path, value := blamed(f.Reason, &r.aw.Spec)
	words := failureText(f, r.aw.Spec.Filter.Source)
	switch {
	case !f.Terminal:
		resp.warn("%s", transientWarning(f.Reason, &r.aw.Spec))
	case c.mode == Warn || r.sameSource():
		resp.warn("%s: %s", path, words)
	default:
		resp.deny(field.Invalid(path, value, detail(words)+remedy(f.Reason, &r.aw.Spec)))
	}
}

// requestOf pins a tag to what it resolved to before, unless the policy is to resolve it again on each change.
func requestOf(r request) source.Request {
	named := source.RequestFor(r.aw)
	if r.old == nil || named.Source.Registry == nil || source.ResolvesAgain(named.Source) {
		return named
	}
	if p := source.PinOf(named.Source, r.old.Status.Module); p != nil {
		return named.Exactly(*p)
	}
	return named
}

// failureText says what failed. For a URL's content that has another sha256 than expected it names that one, to be
// compared: the module was not kept, and who names a URL has all that it takes to fetch it.
func failureText(f *failure.Error, source v1alpha1.Source) string {
	if source.Object != nil && f.Reason == v1alpha1.ReasonDigestMismatch {
		return f.Error()
	}
	return redact(f.Error(), source)
}

// blamed returns the field that would have to change for a terminal failure, and what of its value may be shown.
func blamed(reason v1alpha1.Reason, spec *v1alpha1.AutoWasmSpec) (path *field.Path, value string) {
	path = field.NewPath("spec", "filter", "source")
	aboutSecret := reason == v1alpha1.ReasonUnauthorized || reason == v1alpha1.ReasonInvalidSecret
	s := spec.Filter.Source
	switch {
	case s.Registry != nil && aboutSecret:
		return field.NewPath("spec", "secret"), spec.Secret
	case s.Registry != nil:
		return path.Child("registry", "image"), s.Registry.Image
	case s.Object != nil && reason == v1alpha1.ReasonDigestMismatch:
		return path.Child("object", "sha256"), s.Object.SHA256
	case s.Object != nil:
		return path.Child("object", "url"), validation.RedactURL(s.Object.URL)
	case s.ConfigMap != nil:
		return path.Child("configMap"), s.ConfigMap.Name + "/" + s.ConfigMap.Key
	}
	return path, ""
}

// remedy is what those who found the failure cannot say: which field asked for it.
func remedy(reason v1alpha1.Reason, spec *v1alpha1.AutoWasmSpec) string {
	if reason == v1alpha1.ReasonDigestMismatch && spec.Filter.Source.Object != nil {
		return "; set sha256 to that of the file that you mean"
	}
	return ""
}

// transientWarning says what the object waits for.
func transientWarning(reason v1alpha1.Reason, spec *v1alpha1.AutoWasmSpec) string {
	const stays = "admitted, and Pending until"
	switch reason {
	case v1alpha1.ReasonSecretNotFound:
		return fmt.Sprintf("secret %s does not exist; %s it does", text.Elide(spec.Secret), stays)
	case v1alpha1.ReasonConfigMapNotFound:
		return fmt.Sprintf("%s lacks the module; %s it has it", origin(spec), stays)
	case v1alpha1.ReasonRateLimited:
		return fmt.Sprintf("%s limits the rate of requests; %s it answers", origin(spec), stays)
	case v1alpha1.ReasonStoreFailed:
		return fmt.Sprintf("the module store cannot keep the module now; %s it can", stays)
	case v1alpha1.ReasonPending:
		return fmt.Sprintf("%s did not answer in time; %s the module is fetched", origin(spec), stays)
	}
	return fmt.Sprintf("%s is unavailable; %s it answers", origin(spec), stays)
}

// origin names who is waited for, short enough for a warning.
func origin(spec *v1alpha1.AutoWasmSpec) string {
	s := spec.Filter.Source
	switch {
	case s.Registry != nil:
		return "registry " + text.Elide(registryOf(s.Registry.Image))
	case s.Object != nil:
		return "host " + text.Elide(hostOf(s.Object.URL))
	case s.ConfigMap != nil:
		return "configmap " + text.Elide(s.ConfigMap.Name)
	}
	return "the source"
}

func registryOf(image string) string {
	reference, err := name.ParseReference(image)
	if err != nil {
		return image
	}
	return reference.Context().RegistryStr()
}

func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	return u.Host
}
