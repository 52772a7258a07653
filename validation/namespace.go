// SPDX-License-Identifier: Apache-2.0

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
	// Set are the fields of which the namespace says something, also where that is "" or []. Without a word of it nobody
	// can tell who filled a field, and it stays.
	Set NamespaceFields
}

// NamespaceFields are the fields that a namespace can give defaults to.
type NamespaceFields struct{ ApplyPorts, Secret bool }

// Any reports whether there is any.
func (f NamespaceFields) Any() bool { return f.ApplyPorts || f.Secret }

// NamespaceFieldsOf returns the fields that Default takes from the namespace of aw: those that are absent and those that
// were filled before. An update that leaves the spec alone takes none. Both are the JSON objects of AutoWasms; old is nil
// on a create.
func NamespaceFieldsOf(aw, old map[string]any) NamespaceFields {
	o := objectOf(aw)
	if !o.defaultable() || old != nil && !changesSpec(o, old) {
		return NamespaceFields{}
	}
	was := historyOf(o, old)
	takes := func(f fillable) bool { return !f.present() || was.filled(f) }
	return NamespaceFields{ApplyPorts: takes(o.ports()), Secret: o.registry != nil && takes(o.secret())}
}

// Followed returns a warning for each field in which an update follows the namespace of that name, though its author
// changed something else. aw and old are as in Default, which made the changes.
func Followed(name string, aw, old map[string]any, changes []Change) (warnings []string) {
	if old == nil {
		return nil
	}
	o, before := objectOf(aw), objectOf(old)
	for _, c := range changes {
		ofPorts := c.Path == o.ports().pointer()
		ofSecret := c.Path == o.secret().pointer() && o.registry != nil && before.registry != nil
		taken := c.Operation == "add" && (ofPorts && before.ports().present() || ofSecret && before.secret().present())
		if (ofPorts || ofSecret) && !taken {
			warnings = append(warnings, Warning("%s is not set, and follows namespace %s: it is %s, and was %s", fieldOf(c.Path), name, shown(c.Value), shown(c.Was)))
		}
	}
	return warnings
}

func fieldOf(pointer string) string { return strings.ReplaceAll(pointer[1:], "/", ".") }

func shown(value any) string {
	if value == nil {
		return "none"
	}
	return fmt.Sprint(value)
}

// NamespaceDefaultsOf reads the defaults of some fields from the annotations of the namespace of that name. An
// annotation that cannot be read gives nothing but a warning.
func NamespaceDefaultsOf(name string, annotations map[string]string, of NamespaceFields) (d NamespaceDefaults, warnings []string) {
	if annotation, set := annotations[v1alpha1.AnnotationDefaultPorts]; of.ApplyPorts && set {
		ports, err := defaultPorts(annotation)
		warnings = appendIgnored(warnings, name, v1alpha1.AnnotationDefaultPorts, err)
		d.ApplyPorts, d.Set.ApplyPorts = ports, err == nil
	}
	if annotation, set := annotations[v1alpha1.AnnotationDefaultSecret]; of.Secret && set {
		secret, err := defaultSecret(annotation)
		warnings = appendIgnored(warnings, name, v1alpha1.AnnotationDefaultSecret, err)
		d.Secret, d.Set.Secret = secret, err == nil
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
