// SPDX-License-Identifier: Apache-2.0

package configschema

import (
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/text"
)

const (
	// maxSteps bounds one validation, to about a tenth of a second. A step is less than a microsecond: a value that is
	// visited, once by each schema; a name, or a value of an enum, that is compared; some bytes that are matched or counted.
	maxSteps = 250_000
	// failureSteps is what an error costs, with its path in words.
	failureSteps = 4
	// maxDetail is the length of an error without its path, in bytes. Errors of alternatives are repeated in others.
	maxDetail = 512
	// maxErrors is how many errors are returned, and how many unknown fields.
	maxErrors = 10
)

// ErrTooCostly is the error of a validation that would take too long.
var ErrTooCostly = errors.New("it is too large to be validated by the schema in the module")

// Result is what a validation found.
type Result struct {
	// Errors are the first ten, each with the path of its field. They say that they come of the schema.
	Errors field.ErrorList
	// Unknown are the paths of the first ten fields that the schema neither lists nor rules out: most are typos.
	Unknown []*field.Path
}

// bySchema ends each error: other errors at the same path come of the API or of the module itself.
const bySchema = ", by the schema in the module"

// Warnings are about the unknown fields, in the words of kubectl.
func (r Result) Warnings() []string {
	var warnings []string
	for _, path := range r.Unknown {
		warnings = append(warnings, fmt.Sprintf("unknown field %q: the schema in the module does not list it", path))
	}
	return warnings
}

// Validate validates a configuration, as an AutoWasm has it: JSON, nil or null for none. path is where it is in its object.
//
// A string is what the filter reads. If it is JSON, and the schema does not want a string, its value is validated. An empty
// one is none, unless the schema may take strings.
//
// The error is ErrTooCostly, or that the configuration is not JSON: then there is no verdict. It is to follow path.
func (s *Schema) Validate(config []byte, path *field.Path) (Result, error) {
	if len(config) == 0 {
		return s.validateAbsent(path)
	}
	value, err := decode(config)
	switch {
	case err != nil:
		return Result{}, fmt.Errorf("it is not JSON: %w", err)
	case value == nil: // which is passed to no filter
		return s.validateAbsent(path)
	}
	v := &validator{steps: maxSteps}
	words, isString := value.(string)
	switch {
	case isString && words == "" && !s.takesStrings(): // the filter reads nothing, as without one
		return s.validateAbsent(path)
	case isString && s.kind != "string":
		return v.text(s, words, path)
	}
	return v.result(s, value, path)
}

// ValidateFilter validates the configuration of a filter. An error is that of Validate, whole.
func (s *Schema) ValidateFilter(f *v1alpha1.Filter) (Result, error) {
	var config []byte
	if f.Config != nil {
		config = f.Config.Raw
	}
	path := field.NewPath("spec", "filter", "config")
	result, err := s.Validate(config, path)
	if err != nil {
		err = fmt.Errorf("%s is not validated: %w", path, err)
	}
	return result, err
}

// validator validates one configuration.
type validator struct {
	steps   int // that are left
	errors  field.ErrorList
	unknown []*field.Path
}

// result accepts what is valid as the filter reads it, or with what the filter assumes. Of the two readings, the one with fewer
// errors is reported.
func (v *validator) result(s *Schema, value any, path *field.Path) (Result, error) {
	found := v.found(s, value, path)
	if len(found.Errors) > 0 && s.assumed {
		if assumed := v.found(s, v.filled(s, value), path); len(assumed.Errors) < len(found.Errors) {
			found = assumed
		}
	}
	if v.steps < 0 {
		return Result{}, ErrTooCostly
	}
	for _, err := range found.Errors {
		err.Detail += bySchema
	}
	return found, nil
}

// found is what a value has, which means nothing once there are no steps left.
func (v *validator) found(s *Schema, value any, path *field.Path) Result {
	v.errors, v.unknown = nil, nil
	v.value(s, value, path)
	return Result{Errors: v.errors, Unknown: v.unknown}
}

// text validates a string that the filter may parse.
func (v *validator) text(s *Schema, words string, path *field.Path) (Result, error) {
	parsed, err := decode([]byte(words))
	if err != nil {
		return v.result(s, words, path)
	}
	inside, err := v.result(s, parsed, path)
	if err != nil || len(inside.Errors) == 0 || !s.takesStrings() {
		return inside, err
	}
	if whole, err := v.result(s, words, path); err != nil || len(whole.Errors) == 0 {
		return whole, err
	}
	return inside, nil
}

// value validates a value that is at path.
func (v *validator) value(s *Schema, value any, path *field.Path) {
	if !v.step(1) || len(v.errors) >= maxErrors {
		return
	}
	if value == nil && (s.nullable || s.kind == "" && !s.intOrString) {
		v.enumerated(s, value, path)
		return
	}
	if !s.accepts(value) {
		v.fail(field.TypeInvalid(path, field.OmitValueType{}, s.mismatch(value)))
		return
	}
	v.enumerated(s, value, path)
	switch value := value.(type) {
	case int64, float64:
		v.number(s, value, path)
	case string:
		v.string(s, value, path)
	case []any:
		v.array(s, value, path)
	case map[string]any:
		v.object(s, value, path)
	}
	v.junctions(s, value, path)
}

// step counts what is done, and reports whether the validation goes on.
func (v *validator) step(cost int) bool {
	v.steps -= cost
	return v.steps >= 0
}

func (v *validator) fail(err *field.Error) {
	if v.step(failureSteps+len(err.Field)/countedPerStep) && len(v.errors) < maxErrors {
		err.Detail = text.Truncate(err.Detail, maxDetail)
		v.errors = append(v.errors, err)
	}
}

func (v *validator) invalid(path *field.Path, value any, format string, args ...any) {
	v.fail(field.Invalid(path, value, fmt.Sprintf(format, args...)))
}

// junctions validates by the schemas that are combined.
func (v *validator) junctions(s *Schema, value any, path *field.Path) {
	for _, sub := range s.allOf {
		v.fold(v.probe(sub, value, path))
	}
	if len(s.anyOf) > 0 {
		v.anyOf(s.anyOf, value, path)
	}
	if len(s.oneOf) > 0 {
		v.oneOf(s.oneOf, value, path)
	}
	if s.not != nil && len(v.probe(s.not, value, path)) == 0 {
		v.invalid(path, field.OmitValueType{}, "must not match the schema in not")
	}
}

func (v *validator) fold(found field.ErrorList) {
	for _, err := range found {
		v.fail(err)
	}
}

func (v *validator) anyOf(alternatives []*Schema, value any, path *field.Path) {
	var first field.ErrorList
	for i, sub := range alternatives {
		found := v.probe(sub, value, path)
		if len(found) == 0 {
			return
		}
		if i == 0 {
			first = found
		}
	}
	v.invalid(path, field.OmitValueType{}, "must match at least one of %d schemas; by the first: %v", len(alternatives), first[0])
}

func (v *validator) oneOf(alternatives []*Schema, value any, path *field.Path) {
	matching := 0
	var first *field.Error
	for _, sub := range alternatives {
		found := v.probe(sub, value, path)
		switch {
		case len(found) == 0:
			matching++
		case first == nil:
			first = found[0]
		}
	}
	switch matching {
	case 0:
		v.invalid(path, field.OmitValueType{}, "must match exactly one of %d schemas; by the first: %v", len(alternatives), first)
	case 1:
	default:
		v.invalid(path, field.OmitValueType{}, "must match exactly one of %d schemas, but matches %d", len(alternatives), matching)
	}
}

// probe returns what is wrong with a value by another schema, without noting it. What takes too long is all right, and
// has no verdict at the end.
func (v *validator) probe(s *Schema, value any, path *field.Path) field.ErrorList {
	inner := &validator{steps: v.steps}
	inner.value(s, value, path)
	v.steps = inner.steps
	return inner.errors
}
