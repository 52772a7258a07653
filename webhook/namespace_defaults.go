package webhook

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

const (
	maxPorts = 64
	maxPort  = 65535
)

// portsOf returns nil without an error when there is no annotation, or it is
// empty.
func portsOf(annotations map[string]string) ([]int64, error) {
	value := strings.TrimSpace(annotations[v1alpha1.AnnotationDefaultPorts])
	if value == "" {
		return nil, nil
	}
	ports, err := parsePorts(value)
	if err != nil {
		return nil, err
	}
	if err := checkDefaultPorts(ports); err != nil {
		return nil, err
	}
	return ports, nil
}

func parsePorts(value string) ([]int64, error) {
	if strings.HasPrefix(value, "[") {
		var ports []int64
		if err := json.Unmarshal([]byte(value), &ports); err != nil {
			return nil, fmt.Errorf("not a JSON list of ports")
		}
		return ports, nil
	}
	var ports []int64
	for word := range strings.SplitSeq(value, ",") {
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

func secretOf(annotations map[string]string) (string, error) {
	name := strings.TrimSpace(annotations[v1alpha1.AnnotationDefaultSecret])
	if name != "" && len(validation.IsDNS1123Subdomain(name)) > 0 {
		return "", fmt.Errorf("not a Secret's name")
	}
	return name, nil
}
