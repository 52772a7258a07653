package webhook

import (
	"unicode"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/api/validation"
	utilvalidation "k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

// maxQuoted is how much of a refused value an error repeats, in characters.
const maxQuoted = 256

// Validate checks the whole of aw, as an input that nobody has checked before: all
// that the schema of the CRD says, and what a schema cannot. It returns every error
// at once, each with the path of its field and a remedy, and warnings about what is
// allowed but may not be what the user expects.
//
// Beyond the schema: the image reference and proxyVersion must parse, names of
// environment variables are unique, identifiers carry no control characters, and
// the EnvoyFilter that would be generated stays below MaxRendered.
//
// It does not know which namespaces are Istio's root and wasmer's own: see
// ValidateScope and ValidateSelf.
func Validate(aw *v1alpha1.AutoWasm) (field.ErrorList, []string) { return validate(aw, scope{}) }

// validate is Validate, ValidateScope and ValidateSelf.
func validate(aw *v1alpha1.AutoWasm, in scope) (field.ErrorList, []string) {
	spec := field.NewPath("spec")
	errs := append(validateMetadata(aw), in.refuses(aw)...)
	errs = append(errs, validateSelector(aw.Spec.Selector, spec.Child("selector", "matchLabels"))...)
	errs = append(errs, validateSecret(aw.Spec.Secret, spec.Child("secret"))...)
	errs = append(errs, validateFilter(&aw.Spec.Filter, spec.Child("filter"))...)
	return bounded(errs), append(scopeWarnings(aw, in.root), warningsOf(aw)...)
}

// bounded keeps a hostile value from being repeated in full in the answer.
func bounded(errs field.ErrorList) field.ErrorList {
	for _, err := range errs {
		if value, ok := err.BadValue.(string); ok {
			err.BadValue = oneLine(value, maxQuoted)
		}
	}
	return errs
}

// validateMetadata leaves an absent name alone: a generated one comes later.
func validateMetadata(aw *v1alpha1.AutoWasm) field.ErrorList {
	path := field.NewPath("metadata")
	var errs field.ErrorList
	if aw.Namespace == "" {
		errs = append(errs, field.Required(path.Child("namespace"), "an AutoWasm is in a namespace: name it"))
	} else if len(validation.ValidateNamespaceName(aw.Namespace, false)) > 0 {
		errs = append(errs, field.Invalid(path.Child("namespace"), aw.Namespace, "must be the name of a namespace: lower-case letters, digits and '-', at most 63"))
	}
	if aw.Name != "" && len(utilvalidation.IsDNS1123Subdomain(aw.Name)) > 0 {
		errs = append(errs, field.Invalid(path.Child("name"), aw.Name, "must be lower-case letters, digits, '-' and '.', at most 253, as the EnvoyFilter is named so too"))
	}
	return errs
}

func validateSecret(name string, path *field.Path) field.ErrorList {
	if name == "" || len(utilvalidation.IsDNS1123Subdomain(name)) == 0 {
		return nil
	}
	return field.ErrorList{field.Invalid(path, name, "must be the name of a Secret in the AutoWasm's namespace; leave it out for a public image")}
}

// text checks a string that reaches Envoy as it is: its length in characters, and
// that it is printable.
func text(value string, limit int, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if utf8.RuneCountInString(value) > limit {
		errs = append(errs, field.TooLongCharacters(path, value, limit))
	}
	if !utf8.ValidString(value) {
		errs = append(errs, field.Invalid(path, oneLine(value, limit), "must be valid UTF-8: remove the broken characters"))
	} else if hasControl(value) {
		errs = append(errs, field.Invalid(path, value, "must not contain control characters such as line breaks: remove them"))
	}
	return errs
}

func hasControl(value string) bool {
	for _, r := range value {
		if unicode.IsControl(r) {
			return true
		}
	}
	return false
}
