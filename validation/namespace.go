package validation

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	utilvalidation "k8s.io/apimachinery/pkg/util/validation"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

// NamespaceDefaults are what a namespace gives to its AutoWasms that do not say themselves; none when zero.
type NamespaceDefaults struct {
	// ApplyPorts is for spec.filter.applyPorts, in the order of the annotation.
	ApplyPorts []int64
	// Secret is for spec.secret.
	Secret string
}

// NamespaceFields are the fields that a namespace can give defaults to.
type NamespaceFields struct{ ApplyPorts, Secret bool }

// Any reports whether there is any.
func (f NamespaceFields) Any() bool { return f.ApplyPorts || f.Secret }

// NamespaceFieldsOf returns the fields that aw takes from its namespace: those that Default fills, and on an update
// those that old had. An annotation that was added later does not change a filter that was admitted without it. Both
// are the JSON objects of AutoWasms; old is nil on a create.
func NamespaceFieldsOf(aw, old map[string]any) NamespaceFields {
	o := objectOf(aw)
	if !o.defaultable() {
		return NamespaceFields{}
	}
	before := objectOf(old)
	return NamespaceFields{
		ApplyPorts: o.lacksPorts() && (old == nil || !before.lacksPorts()),
		Secret:     o.lacksSecret() && (old == nil || !before.lacksSecret()),
	}
}

// NamespaceDefaultsOf reads the defaults of some fields from the annotations of the namespace of that name. An
// annotation that cannot be read gives nothing but a warning.
func NamespaceDefaultsOf(name string, annotations map[string]string, of NamespaceFields) (d NamespaceDefaults, warnings []string) {
	if of.ApplyPorts {
		ports, err := defaultPorts(annotations[v1alpha1.AnnotationDefaultPorts])
		warnings = appendIgnored(warnings, name, v1alpha1.AnnotationDefaultPorts, err)
		d.ApplyPorts = ports
	}
	if of.Secret {
		secret, err := defaultSecret(annotations[v1alpha1.AnnotationDefaultSecret])
		warnings = appendIgnored(warnings, name, v1alpha1.AnnotationDefaultSecret, err)
		d.Secret = secret
	}
	return d, warnings
}

func appendIgnored(warnings []string, namespace, annotation string, err error) []string {
	if err == nil {
		return warnings
	}
	return append(warnings, Warning("annotation %s of namespace %s is ignored: %v", annotation, namespace, err))
}

// defaultPorts returns nil without an error when there is no annotation, or it is empty.
func defaultPorts(annotation string) ([]int64, error) {
	annotation = strings.TrimSpace(annotation)
	if annotation == "" {
		return nil, nil
	}
	ports, err := parsePorts(annotation)
	if err == nil {
		err = checkDefaultPorts(ports)
	}
	if err != nil {
		return nil, err
	}
	return ports, nil
}

func parsePorts(list string) ([]int64, error) {
	var ports []int64
	if strings.HasPrefix(list, "[") {
		if err := json.Unmarshal([]byte(list), &ports); err != nil {
			return nil, fmt.Errorf("not a JSON list of ports")
		}
		return ports, nil
	}
	for word := range strings.SplitSeq(list, ",") {
		port, err := strconv.ParseInt(strings.TrimSpace(word), 10, 64)
		if err != nil {
			return nil, fmt.Errorf("not a list of ports")
		}
		ports = append(ports, port)
	}
	return ports, nil
}

// checkDefaultPorts holds a default to the rules of the field that it fills.
func checkDefaultPorts(ports []int64) error {
	if len(ports) > maxPorts {
		return fmt.Errorf("more than %d ports", maxPorts)
	}
	seen := make(map[int64]bool, len(ports))
	for _, port := range ports {
		if port < 1 || port > maxPort {
			return fmt.Errorf("%d is not a port", port)
		}
		if seen[port] {
			return fmt.Errorf("port %d twice", port)
		}
		seen[port] = true
	}
	return nil
}

func defaultSecret(annotation string) (string, error) {
	name := strings.TrimSpace(annotation)
	if name != "" && len(utilvalidation.IsDNS1123Subdomain(name)) > 0 {
		return "", fmt.Errorf("not a Secret's name")
	}
	return name, nil
}
