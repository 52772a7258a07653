// SPDX-License-Identifier: Apache-2.0

package configschema

import (
	"regexp"
)

// The limits of a schema.
const (
	// MaxBytes is the size of the largest schema.
	MaxBytes = 64 << 10
	// maxDepth is how deep schemas may be nested.
	maxDepth = 32
	// maxNodes is how many schemas a schema may consist of.
	maxNodes = 4096
)

// Schema is a Schema Object of OpenAPI 3.0 that has been read and bounded. It is not changed after Parse, and may be
// used concurrently.
type Schema struct {
	source             map[string]any // as it was read
	title, description string
	kind               string // object, array, string, number, integer, boolean; "" for any
	format             string
	nullable           bool
	intOrString        bool // x-kubernetes-int-or-string
	preserveUnknown    bool // x-kubernetes-preserve-unknown-fields
	defaultValue       any  // nil for none
	assumed            bool // a field below has a default
	enum               []any
	enumCost           int // values in enum, those within others too

	multipleOf, minimum, maximum       any // numbers, nil for none
	exclusiveMinimum, exclusiveMaximum bool

	minLength, maxLength *int
	pattern              *pattern

	items              *Schema
	minItems, maxItems *int
	uniqueItems        bool

	properties                   map[string]*Schema
	required                     []string
	requiredCost                 int // as enumCost
	minProperties, maxProperties *int
	additional                   *Schema // of properties that are not listed; nil for any
	closed                       bool    // additionalProperties: false

	allOf, anyOf, oneOf []*Schema
	not                 *Schema
}

// pattern is a regular expression and what matching it costs.
type pattern struct {
	*regexp.Regexp
	expression string // as the schema has it
	cost       int    // instructions
}

// Source is the schema as it was read, for output: numbers are int64 or float64. It is not to be changed.
func (s *Schema) Source() map[string]any { return s.source }

// takesStrings reports whether the schema may accept a string, by its type alone.
func (s *Schema) takesStrings() bool {
	return s.kind == "" && !s.intOrString && len(s.properties) == 0 || s.kind == "string" || s.intOrString
}

// wantsObject reports whether the schema is that of an object.
func (s *Schema) wantsObject() bool {
	return s.kind == "object" || s.kind == "" && len(s.properties)+len(s.required) > 0
}
