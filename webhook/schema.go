// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime/debug"
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
	// validationWait is how long an admission waits for a place, and then for the validation: it reads a disk.
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
	if m.Schema == (module.Schema{}) {
		return
	}
	found := c.validateLimited(ctx, r, m)
	if errors.Is(found.err, fs.ErrNotExist) { // the module is gone
		return
	}
	if err := found.err; err != nil {
		resp.annotate(auditSchema, string(unjudged(err)))
		resp.warn("%v", err)
		return
	}
	ctrl.LoggerFrom(ctx).V(1).Info("Validated the configuration by the schema in the module", "errors", len(found.result.Errors))
	c.judge(r, found.result, resp)
}

// verdict is what the schema in a module says of a configuration.
type verdict struct {
	result configschema.Result
	err    error // why there is none
}

// validateLimited waits for a verdict. What is not done in time goes on without the caller, and keeps its place.
func (c schemaCheck) validateLimited(ctx context.Context, r request, m fetch.Module) verdict {
	waiting, cancel := withBudget(ctx, validationWait)
	defer cancel()
	release, err := c.limiter.Acquire(waiting, r.aw.Namespace, r.aw.Namespace)
	if err != nil {
		return verdict{err: errValidationsBusy}
	}
	done := make(chan verdict, 1)
	go func() {
		defer release()
		done <- c.verdictOn(ctx, &r.aw.Spec.Filter, m)
	}()
	validating, cancel := withBudget(ctx, validationWait)
	defer cancel()
	select {
	case found := <-done:
		return found
	case <-validating.Done():
		return verdict{err: errValidationsBusy}
	}
}

// verdictOn validates the configuration of a filter. A panic over what others wrote does not end the process.
func (c schemaCheck) verdictOn(ctx context.Context, f *v1alpha1.Filter, m fetch.Module) (found verdict) {
	defer func() {
		if p := recover(); p != nil {
			ctrl.LoggerFrom(ctx).Error(fmt.Errorf("panic: %v", p), "Validation panicked", "stack", string(debug.Stack()))
			found = verdict{err: fmt.Errorf("spec.filter.config is not validated: internal error: %v", p)}
		}
	}()
	schema, err := c.schemas.Schema(m.SHA256)
	if err != nil || schema == nil {
		return verdict{err: err}
	}
	found.result, found.err = schema.ValidateFilter(f)
	return found
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
