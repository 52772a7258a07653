// SPDX-License-Identifier: Apache-2.0

package configschema

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// kindOf is the type of a value, "null" for none.
func kindOf(value any) string {
	switch value.(type) {
	case int64, float64:
		return "number"
	case string:
		return "string"
	case bool:
		return "boolean"
	case []any:
		return "array"
	case map[string]any:
		return "object"
	}
	return "null"
}

func kindInWords(value any) string { return withArticle(kindOf(value)) }

func withArticle(kind string) string {
	switch kind {
	case "null":
		return kind
	case "object", "array", "integer":
		return "an " + kind
	}
	return "a " + kind
}

func (s *Schema) typeInWords() string {
	if s.intOrString {
		return "an integer or a string"
	}
	return withArticle(s.kind)
}

// accepts reports whether the value is of the schema's type.
func (s *Schema) accepts(value any) bool {
	kind := kindOf(value)
	switch {
	case s.intOrString:
		return kind == "string" || isInteger(value)
	case s.kind == "integer":
		return isInteger(value)
	}
	return s.kind == "" || s.kind == kind
}

// isInteger holds for 1.0 too, as in JSON Schema. As in Kubernetes, an integer has at most 64 bits.
func isInteger(value any) bool {
	_, ok := value.(int64)
	return ok
}

// mismatch says what a value must be instead.
func (s *Schema) mismatch(value any) string {
	if s.kind == "integer" && isWide(value) {
		return "must be an integer of at most 64 bits, written in digits"
	}
	return fmt.Sprintf("must be %s, not %s", s.typeInWords(), kindInWords(value))
}

// enumerated compares the value with the enum. Strings that are not listed are shown: the listed ones are no secret.
func (v *validator) enumerated(s *Schema, value any, path *field.Path) {
	if len(s.enum) == 0 || !v.step(s.enumCost) {
		return
	}
	for _, accepted := range s.enum {
		if reflect.DeepEqual(accepted, value) {
			return
		}
	}
	v.invalid(path, scalar(value), "must be one of %s", listed(s.enum))
}

// scalar is what a message repeats of a value.
func scalar(value any) any {
	switch value := value.(type) {
	case string:
		return shown(value)
	case int64, float64, bool:
		return value
	}
	return field.OmitValueType{}
}

// listed joins the first of some values of a schema.
func listed(values []any) string {
	var words []string
	for _, value := range values[:min(len(values), maxErrors)] {
		words = append(words, encoded(value))
	}
	if more := len(values) - len(words); more > 0 {
		words = append(words, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(words, ", ")
}

// encoded is a value of a schema as JSON, fit for a message.
func encoded(value any) string {
	raw, err := json.Marshal(value)
	if err != nil { // an infinite number
		return fmt.Sprint(value)
	}
	return shown(string(raw))
}

// string does not repeat the value: it may be a credential, and the answer is in the audit log.
func (v *validator) string(s *Schema, value string, path *field.Path) {
	length := 0
	if s.minLength != nil || s.maxLength != nil {
		if !v.step(len(value) / countedPerStep) {
			return
		}
		length = utf8.RuneCountInString(value)
	}
	if s.minLength != nil && length < *s.minLength {
		v.invalid(path, field.OmitValueType{}, "must have at least %d characters, not %d", *s.minLength, length)
	}
	if s.maxLength != nil && length > *s.maxLength {
		v.invalid(path, field.OmitValueType{}, "must have at most %d characters, not %d", *s.maxLength, length)
	}
	if s.pattern == nil || !v.step((len(value)+1)*s.pattern.cost/patternStep) { // an empty string is matched too
		return
	}
	if !s.pattern.MatchString(value) {
		v.invalid(path, field.OmitValueType{}, "must match the regular expression %s", shown(s.pattern.expression))
	}
}

const (
	// countedPerStep is how many bytes of which the characters are counted are a step.
	countedPerStep = 64
	// patternStep is how many instructions of a regular expression, times bytes, are a step.
	patternStep = 4
)

func (v *validator) array(s *Schema, value []any, path *field.Path) {
	if s.minItems != nil && len(value) < *s.minItems {
		v.invalid(path, field.OmitValueType{}, "must have at least %d items, not %d", *s.minItems, len(value))
	}
	if s.maxItems != nil && len(value) > *s.maxItems {
		v.invalid(path, field.OmitValueType{}, "must have at most %d items, not %d", *s.maxItems, len(value))
	}
	if s.uniqueItems {
		v.unique(value, path)
	}
	if s.items == nil {
		return
	}
	for i, item := range value {
		if v.value(s.items, item, path.Index(i)); v.steps < 0 || len(v.errors) >= maxErrors {
			return
		}
	}
}

func (v *validator) unique(items []any, path *field.Path) {
	seen := map[string]bool{} // which grows with the steps: a duplicate may come early
	for i, item := range items {
		raw, err := json.Marshal(item) // with sorted keys
		if err != nil || !v.step(1+len(raw)/patternStep) {
			return
		}
		if seen[string(raw)] {
			v.fail(field.Invalid(path.Index(i), field.OmitValueType{}, "must not be there twice"))
			return
		}
		seen[string(raw)] = true
	}
}

func (v *validator) object(s *Schema, value map[string]any, path *field.Path) {
	if !v.step(s.requiredCost) {
		return
	}
	for _, name := range s.required {
		if _, found := value[name]; !found {
			v.fail(field.Required(path.Child(shown(name)), "must be set"))
		}
	}
	if s.minProperties != nil && len(value) < *s.minProperties {
		v.invalid(path, field.OmitValueType{}, "must have at least %d fields, not %d", *s.minProperties, len(value))
	}
	if s.maxProperties != nil && len(value) > *s.maxProperties {
		v.invalid(path, field.OmitValueType{}, "must have at most %d fields, not %d", *s.maxProperties, len(value))
	}
	if len(s.properties) == 0 && s.additional == nil && !s.closed || !v.step(namesCost(value)) {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(value)) {
		if v.property(s, name, value[name], path); v.steps < 0 || len(v.errors) >= maxErrors {
			return
		}
	}
}

// namesCost is what it costs to sort names and to look them up.
func namesCost(value map[string]any) int {
	cost := 0
	for name := range value {
		cost += 1 + len(name)/countedPerStep
	}
	return cost
}

func (v *validator) property(s *Schema, name string, value any, path *field.Path) {
	switch sub, listed := s.properties[name]; {
	case listed:
		v.value(sub, value, path.Child(shown(name)))
	case s.additional != nil:
		v.value(s.additional, value, path.Key(shown(name)))
	case s.closed:
		v.fail(field.Forbidden(path.Child(shown(name)), "there is no such field"))
	case v.step(1) && !s.open() && len(v.unknown) < maxErrors:
		v.unknown = append(v.unknown, path.Child(shown(name)))
	}
}

// open reports whether fields that are not listed may be meant: by the schema's own word, or another may list them.
func (s *Schema) open() bool {
	return s.preserveUnknown || len(s.allOf)+len(s.anyOf)+len(s.oneOf) > 0
}
