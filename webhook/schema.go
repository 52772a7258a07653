// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/configschema"
	"github.com/autowasm/autowasm/fetch"
	"github.com/autowasm/autowasm/fetch/module"
	"github.com/autowasm/autowasm/internal/fairness"
)

// Schemas reads the schemas that modules carry. A *store.Store does.
type Schemas interface {
	// Schema returns the schema of the module of a sha256, nil if it carries none. The error wraps fs.ErrNotExist when the
	// module is not there; otherwise it is about what the module carries.
	Schema(sha256 string) (*configschema.Schema, error)
}

const (
	// maxValidations bounds the processor time and the memory of validations. One namespace has a place of its own at a time.
	maxValidations = 4
	// validationWait is how long an admission waits for a place.
	validationWait = time.Second
)

// schemaCheck validates the configuration of a filter by the schema in its module.
type schemaCheck struct {
	schemas Schemas
	mode    SourceCheck
	limiter *fairness.Limiter
}

// validate denies what the schema in the module refuses. A schema that cannot be used is no reason against the object:
// the proxies do not read it.
func (c schemaCheck) validate(ctx context.Context, r request, m fetch.Module, resp *response) {
	if c.schemas == nil || c.mode == Off {
		return
	}
	result, found, err := c.validateLimited(ctx, r, m)
	if !found {
		return
	}
	if err != nil {
		resp.annotate(auditSchema, string(unjudged(err)))
		resp.warn("%v", err)
		return
	}
	ctrl.LoggerFrom(ctx).V(1).Info("Validated the configuration by the schema in the module", "errors", len(result.Errors))
	c.judge(r, result, resp)
}

// validateLimited returns what the schema in the module says, found false where there is none.
func (c schemaCheck) validateLimited(ctx context.Context, r request, m fetch.Module) (result configschema.Result, found bool, err error) {
	if m.Schema == (module.Schema{}) {
		return result, false, nil
	}
	ctx, cancel := withBudget(ctx, validationWait)
	defer cancel()
	release, err := c.limiter.Acquire(ctx, r.aw.Namespace, r.aw.Namespace)
	if err != nil {
		return result, true, errValidationsBusy
	}
	defer release()
	schema, err := c.schemas.Schema(m.SHA256)
	if err == nil && schema != nil {
		result, err = schema.ValidateFilter(&r.aw.Spec.Filter)
	}
	return result, schema != nil || !errors.Is(err, fs.ErrNotExist), err
}

// unjudged is the reason of a configuration without a verdict.
func unjudged(err error) v1alpha1.Reason {
	if errors.Is(err, errValidationsBusy) {
		return v1alpha1.ReasonPending
	}
	return v1alpha1.ReasonSchemaNotUsed
}

var errValidationsBusy = errors.New("spec.filter.config is not validated in time; the condition ConfigValid will say whether it is valid")

// judge denies only what this request is answerable for, as sourceCheck does.
func (c schemaCheck) judge(r request, result configschema.Result, resp *response) {
	for _, warning := range result.Warnings() {
		resp.warn("%s", warning)
	}
	resp.annotate(auditSchema, string(v1alpha1.ReasonConfigAccepted))
	for _, err := range result.Errors {
		resp.annotate(auditSchema, string(v1alpha1.ReasonConfigRefused))
		if c.mode == Warn || r.sameConfig() {
			resp.warn("%v", err)
			continue
		}
		resp.deny(err)
	}
}

// sameConfig reports whether an update leaves the module and its configuration alone.
func (r request) sameConfig() bool {
	return r.sameSource() && equality.Semantic.DeepEqual(r.old.Spec.Filter.Config, r.aw.Spec.Filter.Config)
}
