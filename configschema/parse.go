// SPDX-License-Identifier: Apache-2.0

package configschema

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/autowasm/autowasm/internal/text"
)

// Parse reads a schema, which is JSON of at most MaxBytes. An error says at which field of the schema it is, and is to
// follow what says whose schema.
func Parse(raw []byte) (*Schema, error) {
	if len(raw) > MaxBytes {
		return nil, fmt.Errorf("it has %d bytes, more than %d", len(raw), MaxBytes)
	}
	value, err := decode(raw)
	if err != nil {
		return nil, fmt.Errorf("it is not JSON: %w", err)
	}
	p := &parser{instructions: maxInstructions}
	s := p.schema(value, nil, 0)
	if p.err != nil {
		return nil, p.err
	}
	return s, nil
}

// parser builds a Schema. The first error stays in err; what is returned from then on means nothing.
type parser struct {
	nodes        int
	instructions int // that patterns may still have
	err          error
}

func (p *parser) failf(path *field.Path, format string, args ...any) {
	if p.err == nil {
		at := ""
		if path != nil {
			at = shown(path.String()) + ": "
		}
		p.err = errors.New(at + fmt.Sprintf(format, args...))
	}
}

// unsupported are keywords of later drafts of JSON Schema, and references: to ignore one would change what is accepted.
var unsupported = []string{
	"$ref", "$dynamicRef", "$recursiveRef", "const", "if", "then", "else", "contains", "minContains", "maxContains",
	"patternProperties", "propertyNames", "prefixItems", "additionalItems", "dependencies", "dependentRequired",
	"dependentSchemas", "unevaluatedItems", "unevaluatedProperties", "x-kubernetes-validations",
}

// schema reads the schema at path. Keywords that are not known are ignored.
func (p *parser) schema(value any, path *field.Path, depth int) *Schema {
	keywords, ok := value.(map[string]any)
	switch p.nodes++; {
	case p.err != nil:
		return nil
	case !ok:
		p.failf(path, "must be an object")
		return nil
	case depth > maxDepth:
		p.failf(path, "schemas are nested more than %d deep", maxDepth)
		return nil
	case p.nodes > maxNodes:
		p.failf(path, "more than %d schemas", maxNodes)
		return nil
	}
	for _, keyword := range unsupported {
		if _, found := keywords[keyword]; found {
			p.failf(path, "%s is not supported: write the schema in OpenAPI 3.0, without references", keyword)
			return nil
		}
	}
	n := node{p, keywords, path, depth}
	s := &Schema{source: keywords}
	n.describe(s)
	n.scalars(s)
	n.arrays(s)
	n.objects(s)
	s.allOf, s.anyOf, s.oneOf, s.not = n.schemas("allOf"), n.schemas("anyOf"), n.schemas("oneOf"), n.schema("not")
	s.assumed = p.err == nil && s.assumes()
	return s
}

// node is one schema that is being read.
type node struct {
	p        *parser
	keywords map[string]any
	path     *field.Path
	depth    int
}

var kinds = []string{"object", "array", "string", "number", "integer", "boolean"}

func (n node) describe(s *Schema) {
	s.title, s.description, s.format = n.words("title"), n.words("description"), n.words("format")
	s.nullable, s.intOrString = n.flag("nullable"), n.flag("x-kubernetes-int-or-string")
	s.preserveUnknown = n.flag("x-kubernetes-preserve-unknown-fields")
	s.defaultValue = n.keywords["default"]
	if value, found := n.keywords["type"]; found {
		kind, _ := value.(string)
		if s.kind = kind; !slices.Contains(kinds, kind) {
			n.p.failf(n.path.Child("type"), "must be one of %q", kinds)
		}
	}
	if value, found := n.keywords["enum"]; found {
		if s.enum, _ = value.([]any); len(s.enum) == 0 {
			n.p.failf(n.path.Child("enum"), "must be a list of values")
		}
		s.enumCost = size(value)
	}
}

func (n node) scalars(s *Schema) {
	s.minimum, s.maximum, s.multipleOf = n.number("minimum"), n.number("maximum"), n.number("multipleOf")
	s.exclusiveMinimum, s.exclusiveMaximum = n.flag("exclusiveMinimum"), n.flag("exclusiveMaximum")
	if s.multipleOf != nil && compare(s.multipleOf, int64(0)) <= 0 {
		n.p.failf(n.path.Child("multipleOf"), "must be above 0")
	}
	s.minLength, s.maxLength = n.count("minLength"), n.count("maxLength")
	if value, found := n.keywords["pattern"]; found {
		s.pattern = n.p.pattern(value, n.path.Child("pattern"))
	}
}

func (n node) arrays(s *Schema) {
	s.items, s.uniqueItems = n.schema("items"), n.flag("uniqueItems")
	s.minItems, s.maxItems = n.count("minItems"), n.count("maxItems")
}

func (n node) objects(s *Schema) {
	s.minProperties, s.maxProperties = n.count("minProperties"), n.count("maxProperties")
	s.required = n.required()
	s.requiredCost = size(n.keywords["required"])
	if allowed, isFlag := n.keywords["additionalProperties"].(bool); isFlag {
		s.closed, s.preserveUnknown = !allowed, s.preserveUnknown || allowed
	} else {
		s.additional = n.schema("additionalProperties")
	}
	value, found := n.keywords["properties"]
	if !found {
		return
	}
	properties, ok := value.(map[string]any)
	if !ok {
		n.p.failf(n.path.Child("properties"), "must be an object")
		return
	}
	s.properties = make(map[string]*Schema, len(properties))
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		s.properties[name] = n.p.schema(properties[name], n.path.Child("properties").Key(name), n.depth+1)
	}
}

// required tolerates OpenAPI 2's and Swagger's boolean of that name at a property, which asserts nothing here.
func (n node) required() (names []string) {
	value, found := n.keywords["required"]
	if _, isFlag := value.(bool); !found || isFlag {
		return nil
	}
	list, ok := value.([]any)
	for _, item := range list {
		name, isString := item.(string)
		ok = ok && isString
		names = append(names, name)
	}
	if !ok {
		n.p.failf(n.path.Child("required"), "must be a list of names")
	}
	return names
}

func (n node) schema(keyword string) *Schema {
	value, found := n.keywords[keyword]
	if !found {
		return nil
	}
	return n.p.schema(value, n.path.Child(keyword), n.depth+1)
}

func (n node) schemas(keyword string) (list []*Schema) {
	value, found := n.keywords[keyword]
	if !found {
		return nil
	}
	values, _ := value.([]any)
	if len(values) == 0 {
		n.p.failf(n.path.Child(keyword), "must be a list of schemas")
	}
	for i, value := range values {
		list = append(list, n.p.schema(value, n.path.Child(keyword).Index(i), n.depth+1))
	}
	return list
}

// words returns a text, "" for anything else: it only informs.
func (n node) words(keyword string) string {
	words, _ := n.keywords[keyword].(string)
	return words
}

func (n node) flag(keyword string) bool {
	value, found := n.keywords[keyword]
	set, ok := value.(bool)
	if found && !ok {
		n.p.failf(n.path.Child(keyword), "must be true or false")
	}
	return set
}

// number returns a number, nil for none.
func (n node) number(keyword string) any {
	value, found := n.keywords[keyword]
	if found && kindOf(value) != "number" {
		n.p.failf(n.path.Child(keyword), "must be a number")
		return nil
	}
	return value
}

func (n node) count(keyword string) *int {
	count := math.MaxInt32
	switch number := n.number(keyword); {
	case number == nil:
		return nil
	case compare(number, int64(0)) < 0, !isInteger(number) && !isWide(number):
		n.p.failf(n.path.Child(keyword), "must be an integer of at least 0")
	case compare(number, int64(count)) < 0:
		count = int(number.(int64))
	}
	return &count
}

// maxShown is how many bytes a message repeats of a word of a schema or of the name of a field.
const maxShown = 128

// shown makes a word of another party fit for a message. Of a long one no more is read than that may need.
func shown(word string) string {
	return text.Truncate(text.OneLine(text.Truncate(word, 8*maxShown)), maxShown)
}
