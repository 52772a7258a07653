// SPDX-License-Identifier: Apache-2.0

package validation

import (
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/validation"
	utilvalidation "k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/text"
)

const (
	// maxSelectorLabels is how many labels a selector has at most.
	maxSelectorLabels = 64
	// maxQuoted is how much of a refused value an error repeats, in characters.
	maxQuoted = 256
)

// Options are what the rules need to know of the cluster. Rules about a namespace that is not set are left out.
type Options struct {
	// OwnNamespace is the server's own namespace; "" is none.
	OwnNamespace string
	// RootNamespace is that of Istio's mesh-wide configuration; "" is none.
	RootNamespace string
}

// Validate checks the whole of aw as untrusted input: all that the schema of the CRD says, and what a schema cannot.
// It returns every error at once, each with the path of its field and a remedy, and warnings about what is allowed
// but may not be what the user expects. Neither repeats a long value in full, or a URL's credentials.
//
// Beyond the schema: the rules of ValidateScope hold, the image reference and proxyVersion parse, names of
// environment variables are unique, identifiers carry no control characters, and the EnvoyFilter that would be
// generated stays below MaxRendered.
func Validate(aw *v1alpha1.AutoWasm, o Options) (errs field.ErrorList, warnings []string) {
	spec := field.NewPath("spec")
	errs = append(validateMetadata(aw), ValidateScope(aw, o)...)
	errs = append(errs, validateSelector(aw.Spec.Selector, spec.Child("selector", "matchLabels"))...)
	errs = append(errs, validateSecret(aw.Spec.Secret, spec.Child("secret"))...)
	errs = append(errs, validateFilter(&aw.Spec.Filter, spec.Child("filter"))...)
	return bounded(errs), append(scopeWarnings(aw, o.RootNamespace), specWarnings(&aw.Spec)...)
}

// bounded keeps a hostile value from being repeated in full in the answer.
func bounded(errs field.ErrorList) field.ErrorList {
	for _, err := range errs {
		if value, ok := err.BadValue.(string); ok {
			err.BadValue = quoted(value)
		}
	}
	return errs
}

// quoted is what an error repeats of a value.
func quoted(value string) string { return text.TruncateRunes(text.OneLine(value), maxQuoted) }

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

// validateSelector goes through the labels in their order, so that the same object gets the same message.
func validateSelector(selector v1alpha1.WorkloadSelector, path *field.Path) field.ErrorList {
	if n := len(selector.MatchLabels); n > maxSelectorLabels {
		return field.ErrorList{field.TooMany(path, n, maxSelectorLabels)}
	}
	var errs field.ErrorList
	for _, key := range slices.Sorted(maps.Keys(selector.MatchLabels)) {
		errs = append(errs, validateLabel(key, string(selector.MatchLabels[key]), path)...)
	}
	return errs
}

func validateLabel(key, value string, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if problems := utilvalidation.IsQualifiedName(key); len(problems) > 0 {
		errs = append(errs, field.Invalid(path, key, labelProblem(key, "label key", problems)))
	}
	if problems := utilvalidation.IsValidLabelValue(value); len(problems) > 0 {
		errs = append(errs, field.Invalid(path.Key(text.Elide(key)), value, labelProblem(value, "label value", problems)))
	}
	return errs
}

// labelProblem answers first the mistake that other Istio resources invite.
func labelProblem(word, what string, problems []string) string {
	if strings.Contains(word, "*") {
		return "wildcards are not supported here: write a " + what + " in full, or leave matchLabels out to select every pod of the namespace"
	}
	return "must be a " + what + ": " + strings.Join(problems, "; ")
}
