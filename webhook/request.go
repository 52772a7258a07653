// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"bytes"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"strings"

	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/preflight"
	"github.com/autowasm/autowasm/validation"
)

// request is an admission request, decoded.
type request struct {
	uid types.UID
	aw  *v1alpha1.AutoWasm
	// old is nil on a create.
	old *v1alpha1.AutoWasm
	// dryRun must leave nothing behind.
	dryRun bool
	// unnamed requests leave the name to the API server: that of the object is a candidate, which a collision replaces.
	unnamed bool
}

// decodeRequest reads the object of req, and on an update the old one. The names in an object are as case-sensitive here
// as in the API server: a field that differs from one of ours in its case must not be checked in its place.
func decodeRequest(req admission.Request) (r request, err error) {
	r = request{uid: req.UID, dryRun: isDryRun(req), unnamed: req.Name == ""}
	if r.aw, err = decodeObject(req, req.Object.Raw); err != nil {
		return r, fmt.Errorf("admission request %q: read the object of the request: %w", req.UID, err)
	}
	if req.Operation != admissionv1.Update {
		return r, nil
	}
	if r.old, err = decodeObject(req, req.OldObject.Raw); err != nil {
		return r, fmt.Errorf("admission request %q: read the old object of the request: %w", req.UID, err)
	}
	return r, nil
}

func decodeObject(req admission.Request, raw []byte) (*v1alpha1.AutoWasm, error) {
	if len(raw) == 0 {
		return nil, fmt.Errorf("there is no object")
	}
	aw := &v1alpha1.AutoWasm{}
	if err := json.Unmarshal(raw, aw); err != nil {
		return nil, fmt.Errorf("decode JSON: %w", err)
	}
	return aw, checkObject(req, aw)
}

// checkObject holds the object to what the request says: nothing is checked under one name and generated under another.
func checkObject(req admission.Request, aw *v1alpha1.AutoWasm) error {
	switch {
	case aw.Kind != v1alpha1.Kind || aw.APIVersion != v1alpha1.GroupVersion.String():
		return fmt.Errorf("the object is a %q of %q, the request is about %s of %s", aw.Kind, aw.APIVersion, v1alpha1.Kind, v1alpha1.GroupVersion)
	case aw.Namespace != req.Namespace:
		return fmt.Errorf("the object is in namespace %q, the request in %q", aw.Namespace, req.Namespace)
	case req.Name != "" && aw.Name != req.Name:
		return fmt.Errorf("the object is named %q, the request %q", aw.Name, req.Name)
	}
	return nil
}

// decodeRaw keeps numbers as they were written.
func decodeRaw(raw []byte) (map[string]any, error) {
	decoder := stdjson.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var object map[string]any
	if err := decoder.Decode(&object); err != nil {
		return nil, fmt.Errorf("decode JSON: %w", err)
	}
	if object == nil {
		return nil, errors.New("there is no object")
	}
	return object, nil
}

// changesNothing reports whether there is nothing to check: an object that is being deleted must be allowed, also
// with a spec that is no longer valid, and an update that leaves the spec alone changes nothing for a proxy, unless
// it takes away the permission to reach it.
func (r request) changesNothing(rules validation.Options) bool {
	if r.aw.DeletionTimestamp != nil {
		return true
	}
	return r.old != nil && equality.Semantic.DeepEqual(r.old.Spec, r.aw.Spec) && len(validation.ValidateScope(r.aw, rules)) == 0
}

// sameSource reports whether an update leaves the source and its credentials alone.
func (r request) sameSource() bool {
	return r.old != nil && r.old.Spec.Secret == r.aw.Spec.Secret &&
		equality.Semantic.DeepEqual(r.old.Spec.Filter.Source, r.aw.Spec.Filter.Source)
}

// inForce reports whether an update leaves alone which listeners of which proxies the filter is for, and it is in force
// there by the status: it is not the first filter of these proxies, and can be repaired.
func (r request) inForce() bool {
	if r.old == nil || !r.old.IsConditionTrue(v1alpha1.ConditionEnvoyFilterApplied) {
		return false
	}
	before, after := r.old.Spec, r.aw.Spec
	return equality.Semantic.DeepEqual(before.Selector, after.Selector) && before.Filter.Context == after.Filter.Context &&
		equality.Semantic.DeepEqual(before.Filter.ApplyPorts, after.Filter.ApplyPorts) && before.Filter.ProxyVersion == after.Filter.ProxyVersion
}

// repeats reports whether a finding is no news to who sends the request: the status of the object that is updated has it
// already, or a dry run finds that nothing is deployed yet, of which the create itself then warns. Engines of GitOps dry-run
// a change that is pending every few minutes, and log all warnings.
func (r request) repeats(f preflight.Finding) bool {
	switch {
	case f.Refused:
		return false
	case r.old == nil:
		return f.Early && r.dryRun
	}
	passed := meta.FindStatusCondition(r.old.Status.Conditions, v1alpha1.ConditionPreflightPassed)
	return passed != nil && strings.Contains(passed.Message, f.Message)
}
