// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"errors"
	"fmt"
	"io/fs"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/configschema"
	"github.com/autowasm/autowasm/internal/failure"
)

// Schemas reads the schemas that modules carry. A *store.Store does.
type Schemas interface {
	// Schema returns the schema of the module of a sha256, nil if it carries none. The error wraps fs.ErrNotExist when the
	// module is not there, or a *failure.Error when it cannot be read; otherwise it is about what the module carries.
	Schema(sha256 string) (*configschema.Schema, error)
}

// configValid returns ConfigValid of aw with a module, nil where that carries no schema. What it finds is advice, as a
// trial: it changes nothing that runs.
func (r *reconciler) configValid(aw *v1alpha1.AutoWasm, m *v1alpha1.ModuleStatus) *metav1.Condition {
	if r.o.Schemas == nil || m == nil {
		return nil
	}
	if before := knownOf(aw, m, v1alpha1.ConditionConfigValid); before != nil {
		return before
	}
	schema, err := r.o.Schemas.Schema(m.SHA256)
	if _, unread := errors.AsType[*failure.Error](err); unread || errors.Is(err, fs.ErrNotExist) {
		return nil // the next reconcile reads it
	}
	if schema == nil && err == nil {
		return nil
	}
	var result configschema.Result
	if err == nil {
		result, err = schema.ValidateFilter(&aw.Spec.Filter)
	}
	c := judged(result, err)
	return &c
}

// judged is the condition of what a validation found.
func judged(result configschema.Result, err error) metav1.Condition {
	const kind = v1alpha1.ConditionConfigValid
	switch {
	case err != nil:
		return condition(kind, metav1.ConditionUnknown, v1alpha1.ReasonSchemaNotUsed, err.Error())
	case len(result.Errors) > 0:
		return condition(kind, metav1.ConditionFalse, v1alpha1.ReasonConfigRefused, result.Errors.ToAggregate().Error())
	}
	message := "the schema in the module accepts spec.filter.config"
	for _, path := range result.Unknown {
		message += fmt.Sprintf("; it does not list %s", path)
	}
	return condition(kind, metav1.ConditionTrue, v1alpha1.ReasonConfigAccepted, message)
}

// knownOf returns what the status has of a condition about aw with a module: a generation has one module.
func knownOf(aw *v1alpha1.AutoWasm, m *v1alpha1.ModuleStatus, kind string) *metav1.Condition {
	c := meta.FindStatusCondition(aw.Status.Conditions, kind)
	if c == nil || c.ObservedGeneration != aw.Generation || sha256Of(aw.Status.Module) != m.SHA256 {
		return nil
	}
	return c
}
