// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"context"
	"errors"
	"io/fs"

	"k8s.io/apimachinery/pkg/api/equality"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/configschema"
	"github.com/autowasm/autowasm/fetch"
)

// Schemas reads the schemas that modules carry. A *store.Store does.
type Schemas interface {
	// Schema returns the schema of the module of a sha256, nil if it carries none. The error wraps fs.ErrNotExist when the
	// module is not there; otherwise it is about what the module carries.
	Schema(sha256 string) (*configschema.Schema, error)
}

// schemaCheck validates the configuration of a filter by the schema in its module.
type schemaCheck struct {
	schemas Schemas
	mode    SourceCheck
}

// validate denies what the schema in the module refuses. A schema that cannot be used is no reason against the object:
// the proxies do not read it.
func (c schemaCheck) validate(ctx context.Context, r request, m fetch.Module, resp *response) {
	if c.schemas == nil || c.mode == Off {
		return
	}
	schema, err := c.schemas.Schema(m.SHA256)
	if errors.Is(err, fs.ErrNotExist) || err == nil && schema == nil {
		return
	}
	var result configschema.Result
	if err == nil {
		result, err = schema.ValidateFilter(&r.aw.Spec.Filter)
	}
	if err != nil {
		resp.annotate(auditSchema, string(v1alpha1.ReasonSchemaNotUsed))
		resp.warn("%v", err)
		return
	}
	ctrl.LoggerFrom(ctx).V(1).Info("Validated the configuration by the schema in the module", "errors", len(result.Errors))
	c.judge(r, result, resp)
}

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
