// SPDX-License-Identifier: Apache-2.0

package validation

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

// The limits on what one AutoWasm puts into a cluster's store and into each of its proxies, in bytes.
const (
	// MaxConfig is the size of spec.filter.config, as JSON.
	MaxConfig = 256 << 10
	// MaxRendered is the size of config and env in an EnvoyFilter, which has them once for each port: etcd holds no object
	// above 1.5 MiB.
	MaxRendered = 1 << 20
)

// The limits of the schema, in characters where they are of strings, but for maxProxyVersion.
const (
	maxPorts        = 64
	maxPort         = 65535
	maxID           = 256 // of vmID and rootID
	maxEnv          = 64
	maxEnvName      = 256
	maxEnvValue     = 2048
	maxProxyVersion = 1024 // bytes
)

func validateFilter(f *v1alpha1.Filter, path *field.Path) field.ErrorList {
	errs := validatePorts(f.ApplyPorts, path.Child("applyPorts"))
	errs = append(errs, validateID(f.RootID, path.Child("rootID"))...)
	errs = append(errs, validateID(f.VMID, path.Child("vmID"))...)
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

// validateID checks a string that reaches Envoy as it is.
func validateID(id string, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if utf8.RuneCountInString(id) > maxID {
		errs = append(errs, field.TooLongCharacters(path, id, maxID))
	}
	if !utf8.ValidString(id) {
		errs = append(errs, field.Invalid(path, id, "must be valid UTF-8: remove the broken characters"))
	} else if strings.ContainsFunc(id, unicode.IsControl) {
		errs = append(errs, field.Invalid(path, id, "must not contain control characters such as line breaks: remove them"))
	}
	return errs
}

func validateEnv(env []v1alpha1.EnvVar, path *field.Path) field.ErrorList {
	if len(env) > maxEnv {
		return field.ErrorList{field.TooMany(path, len(env), maxEnv)}
	}
	var errs field.ErrorList
	seen := make(map[string]bool, len(env))
	for i, variable := range env {
		errs = append(errs, validateVariable(variable, path.Index(i))...)
		if seen[variable.Name] {
			errs = append(errs, field.Duplicate(path.Index(i).Child("name"), variable.Name))
		}
		seen[variable.Name] = true
	}
	return errs
}

func validateVariable(variable v1alpha1.EnvVar, path *field.Path) field.ErrorList {
	errs := validateEnvName(variable.Name, path.Child("name"))
	errs = append(errs, validateEnvValue(variable.Value, path.Child("value"))...)
	if variable.FromHost && variable.Value != "" {
		errs = append(errs, field.Invalid(path, variable.Name, "value and fromHost exclude each other: set a value, or take it from the proxy's environment"))
	}
	return errs
}

func validateEnvName(name string, path *field.Path) field.ErrorList {
	switch {
	case name == "":
		return field.ErrorList{field.Required(path, "name the environment variable")}
	case utf8.RuneCountInString(name) > maxEnvName:
		return field.ErrorList{field.TooLongCharacters(path, name, maxEnvName)}
	case strings.ContainsAny(name, "=\x00") || !utf8.ValidString(name):
		return field.ErrorList{field.Invalid(path, name, "must be the name of an environment variable, without '='")}
	}
	return nil
}

// validateEnvValue allows line breaks, but not what ends a string in a module.
func validateEnvValue(value string, path *field.Path) field.ErrorList {
	switch {
	case utf8.RuneCountInString(value) > maxEnvValue:
		return field.ErrorList{field.TooLongCharacters(path, value, maxEnvValue)}
	case strings.Contains(value, "\x00") || !utf8.ValidString(value):
		return field.ErrorList{field.Invalid(path, sizeOf(len(value)), "must be valid UTF-8 without the NUL character")}
	}
	return nil
}

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
	total := renderedSize(f) * max(1, len(f.ApplyPorts))
	if total > MaxRendered {
		return field.ErrorList{field.Invalid(path, sizeOf(total), fmt.Sprintf("config and env, once for each of applyPorts, must be at most %s: name fewer ports, or leave applyPorts out", sizeOf(MaxRendered)))}
	}
	return nil
}

// renderedSize is what config and env take of an EnvoyFilter for one port. They are strings in its JSON: a backslash
// takes two bytes there, and of what the API server escapes, such as <, each takes six.
func renderedSize(f *v1alpha1.Filter) int {
	size := 0
	if f.Config != nil {
		size = encodedSize(configText(f.Config.Raw))
	}
	for _, variable := range f.Env {
		size += encodedSize(variable.Name) + encodedSize(variable.Value)
	}
	return size
}

// configText is what the module reads: of a JSON string its content.
func configText(raw []byte) string {
	var content string
	if json.Unmarshal(raw, &content) == nil {
		return content
	}
	return string(raw)
}

func encodedSize(text string) int {
	encoded, err := json.Marshal(text)
	if err != nil { // a string has none
		return len(text)
	}
	return len(encoded) - len(`""`)
}

func sizeOf(bytes int) string {
	const kib = 1 << 10
	return fmt.Sprintf("%d KiB", (bytes+kib-1)/kib)
}

// validateProxyVersion compiles only what is short, which bounds the time. In istiod a longer one matches nothing.
func validateProxyVersion(expression string, path *field.Path) field.ErrorList {
	if len(expression) > maxProxyVersion {
		return field.ErrorList{field.TooLong(path, expression, maxProxyVersion)}
	}
	if _, err := regexp.Compile(expression); err != nil {
		return field.ErrorList{field.Invalid(path, expression, fmt.Sprintf("%v: write a regular expression of the RE2 syntax, such as ^1\\.2[0-9].*", err))}
	}
	return nil
}
