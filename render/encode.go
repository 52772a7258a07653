package render

import (
	"fmt"

	istiov1alpha3 "istio.io/client-go/pkg/apis/networking/v1alpha3"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"

	"github.com/autowasm/autowasm/internal/istio"
)

// Unstructured returns ef as it is sent to the API server: apiVersion, kind,
// metadata and spec, and nothing that the server fills (status, creationTimestamp).
// It fails only on strings that are not UTF-8.
func Unstructured(ef *istiov1alpha3.EnvoyFilter) (*unstructured.Unstructured, error) {
	object, err := toMap(ef)
	if err != nil {
		return nil, fmt.Errorf("encode EnvoyFilter %s/%s: %w", ef.Namespace, ef.Name, err)
	}
	object["apiVersion"], object["kind"] = istio.EnvoyFilterAPIVersion, istio.EnvoyFilterKind
	delete(object, "status")
	u := &unstructured.Unstructured{Object: object}
	unstructured.RemoveNestedField(object, "metadata", "creationTimestamp")
	return u, nil
}

// YAML returns ef as Unstructured does, in YAML with sorted keys.
func YAML(ef *istiov1alpha3.EnvoyFilter) ([]byte, error) {
	u, err := Unstructured(ef)
	if err != nil {
		return nil, err
	}
	return yaml.Marshal(u.Object)
}

// toMap goes through JSON, with the API machinery's own rule for numbers: int64
// where they are whole, else float64.
func toMap(value any) (map[string]any, error) {
	raw, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	object := map[string]any{}
	return object, json.Unmarshal(raw, &object)
}
