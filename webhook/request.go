package webhook

import (
	"fmt"

	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

// concerns reports whether there is anything to do: deletions, connections and
// subresources are let through, whatever a webhook configuration sends here.
func concerns(req admission.Request) bool {
	return (req.Operation != admissionv1.Delete && req.Operation != admissionv1.Connect) && req.SubResource == ""
}

// checkKind refuses a request that is not about AutoWasms, or not a request at all.
func checkKind(req admission.Request) error {
	want := metav1.GroupVersionKind{Group: v1alpha1.GroupVersion.Group, Version: v1alpha1.GroupVersion.Version, Kind: v1alpha1.Kind}
	if req.Kind != want {
		return fmt.Errorf("the request is about %s %s/%s: this webhook serves only %s %s", req.Kind.Kind, req.Kind.Group, req.Kind.Version, v1alpha1.Kind, v1alpha1.GroupVersion)
	}
	if req.Operation != admissionv1.Create && req.Operation != admissionv1.Update {
		return fmt.Errorf("the operation is %q: this webhook serves CREATE and UPDATE", req.Operation)
	}
	if req.Namespace == "" {
		return fmt.Errorf("the request names no namespace: every %s is in one", v1alpha1.Kind)
	}
	return nil
}

// decode reads the object of req, and on an update the old one. The names in an
// object are as case-sensitive here as in the API server: a field that only looks
// like one of ours must not be checked in its place.
func decode(req admission.Request) (aw, old *v1alpha1.AutoWasm, err error) {
	aw, err = decodeObject(req, req.Object.Raw)
	if err != nil {
		return nil, nil, fmt.Errorf("read the object of the request: %w", err)
	}
	if req.Operation != admissionv1.Update {
		return aw, nil, nil
	}
	old, err = decodeObject(req, req.OldObject.Raw)
	if err != nil {
		return nil, nil, fmt.Errorf("read the old object of the request: %w", err)
	}
	return aw, old, nil
}

func decodeObject(req admission.Request, raw []byte) (*v1alpha1.AutoWasm, error) {
	if len(raw) == 0 {
		return nil, fmt.Errorf("there is no object")
	}
	aw := &v1alpha1.AutoWasm{}
	if err := json.Unmarshal(raw, aw); err != nil {
		return nil, fmt.Errorf("decode JSON: %w", err)
	}
	return aw, agrees(req, aw)
}

// agrees holds the object to what the request says that it is, so that nothing is
// checked under one name and generated under another.
func agrees(req admission.Request, aw *v1alpha1.AutoWasm) error {
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
