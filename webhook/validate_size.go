package webhook

import (
	"encoding/json"
	"fmt"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

// The limits on what one AutoWasm puts into a cluster's store and into each of its
// proxies, in bytes.
const (
	// MaxConfig is the size of spec.filter.config, as JSON.
	MaxConfig = 256 << 10
	// MaxRendered is the size of config and env times the number of ports: the
	// EnvoyFilter carries them once for each port, and etcd holds no object above
	// 1.5 MiB.
	MaxRendered = 1 << 20
)

func validateSize(f *v1alpha1.Filter, path *field.Path) field.ErrorList {
	size := 0
	if f.Config != nil {
		size = len(f.Config.Raw)
	}
	if size > MaxConfig {
		return field.ErrorList{field.Invalid(path.Child("config"), sizeOf(size), fmt.Sprintf("must be at most %s of JSON: let the module load large data by itself", sizeOf(MaxConfig)))}
	}
	if size > 0 && !json.Valid(f.Config.Raw) {
		return field.ErrorList{field.Invalid(path.Child("config"), sizeOf(size), "must be JSON")}
	}
	total := (size + envSize(f.Env)) * max(1, len(f.ApplyPorts))
	if total > MaxRendered {
		return field.ErrorList{field.Invalid(path, sizeOf(total), fmt.Sprintf("config and env, once for each of applyPorts, must be at most %s: name fewer ports, or leave applyPorts out", sizeOf(MaxRendered)))}
	}
	return nil
}

func envSize(env []v1alpha1.EnvVar) int {
	size := 0
	for _, variable := range env {
		size += len(variable.Name) + len(variable.Value)
	}
	return size
}

func sizeOf(bytes int) string {
	const kib = 1 << 10
	return fmt.Sprintf("%d KiB", (bytes+kib-1)/kib)
}
