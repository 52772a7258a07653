package webhook

import (
	"strings"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

// The limits of environment variables, in characters.
const (
	maxEnv      = 64
	maxEnvName  = 256
	maxEnvValue = 2048
)

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
		return field.ErrorList{field.Invalid(path, oneLine(name, maxEnvName), "must be the name of an environment variable, without '='")}
	}
	return nil
}

// validateEnvValue allows line breaks, but not what ends a string in a module.
func validateEnvValue(value string, path *field.Path) field.ErrorList {
	switch {
	case utf8.RuneCountInString(value) > maxEnvValue:
		return field.ErrorList{field.TooLongCharacters(path, value, maxEnvValue)}
	case strings.Contains(value, "\x00") || !utf8.ValidString(value):
		return field.ErrorList{field.Invalid(path, oneLine(value, maxEnvValue), "must be valid UTF-8 without the NUL character")}
	}
	return nil
}
