package webhook

import (
	"maps"
	"slices"
	"strings"

	utilvalidation "k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

const maxSelectorLabels = 64

// validateSelector goes through the labels in their order, so that the same object
// gets the same message.
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
		errs = append(errs, field.Invalid(path.Key(shortened(key)), value, labelProblem(value, "label value", problems)))
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
