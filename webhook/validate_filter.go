package webhook

import (
	"fmt"
	"regexp"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

// maxProxyVersion is in bytes.
const maxProxyVersion = 1024

func validateFilter(f *v1alpha1.Filter, path *field.Path) field.ErrorList {
	errs := validatePorts(f.ApplyPorts, path.Child("applyPorts"))
	errs = append(errs, text(f.RootID, maxID, path.Child("rootID"))...)
	errs = append(errs, text(f.VMID, maxID, path.Child("vmID"))...)
	errs = append(errs, validateSource(f.Source, path.Child("source"))...)
	errs = append(errs, validateEnv(f.Env, path.Child("env"))...)
	errs = append(errs, validateSize(f, path)...)
	errs = append(errs, oneOf(f.FailurePolicy, path.Child("failurePolicy"), v1alpha1.FailClosed, v1alpha1.FailOpen, v1alpha1.FailReload)...)
	errs = append(errs, oneOf(f.Context, path.Child("context"), v1alpha1.Inbound, v1alpha1.Outbound, v1alpha1.Gateway)...)
	return append(errs, validateProxyVersion(f.ProxyVersion, path.Child("proxyVersion"))...)
}

// oneOf lets an absent value pass: each of these fields has a default.
func oneOf[T ~string](value T, path *field.Path, known ...T) field.ErrorList {
	if value == "" || slices.Contains(known, value) {
		return nil
	}
	return field.ErrorList{field.NotSupported(path, string(value), known)}
}

func validatePorts(ports []v1alpha1.Port, path *field.Path) field.ErrorList {
	if len(ports) > maxPorts {
		return field.ErrorList{field.TooMany(path, len(ports), maxPorts)}
	}
	var errs field.ErrorList
	seen := make(map[v1alpha1.Port]bool, len(ports))
	for i, port := range ports {
		if port < 1 || port > maxPort {
			errs = append(errs, field.Invalid(path.Index(i), int64(port), "must be a port from 1 to 65535; leave applyPorts out for all ports"))
		} else if seen[port] {
			errs = append(errs, field.Duplicate(path.Index(i), int64(port)))
		}
		seen[port] = true
	}
	return errs
}

// validateProxyVersion compiles only what is short: a long expression costs time. istiod
// counts bytes, and has a longer expression match nothing.
func validateProxyVersion(expression string, path *field.Path) field.ErrorList {
	if len(expression) > maxProxyVersion {
		return field.ErrorList{field.TooLong(path, expression, maxProxyVersion)}
	}
	if _, err := regexp.Compile(expression); err != nil {
		return field.ErrorList{field.Invalid(path, expression, fmt.Sprintf("%v: write a regular expression of the RE2 syntax, such as ^1\\.2[0-9].*", err))}
	}
	return nil
}
