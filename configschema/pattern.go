// SPDX-License-Identifier: Apache-2.0

package configschema

import (
	"regexp"
	"regexp/syntax"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

const (
	// maxPattern is the length of the longest regular expression, in bytes.
	maxPattern = 1024
	// maxInstructions is how many instructions all regular expressions of a schema may compile to, about.
	maxInstructions = 10_000
)

// notOnePass matches nothing, and keeps package regexp from compiling what follows for its one-pass matcher too, since it
// does not begin with ^ then: that takes time with the cube of the length, 0.1 s and 200 MB for 330 optional characters.
const notOnePass = "(?:)"

// pattern reads a regular expression in RE2's syntax, which matches in linear time. What it compiles to is counted
// before it is compiled: a repetition of repetitions has few bytes and a million instructions.
func (p *parser) pattern(value any, path *field.Path) *pattern {
	expression, ok := value.(string)
	if !ok || len(expression) > maxPattern {
		p.failf(path, "must be a regular expression of at most %d bytes", maxPattern)
		return nil
	}
	if !p.spend(classesCost(expression), path) {
		return nil
	}
	parsed, err := syntax.Parse(expression, syntax.Perl)
	if err != nil {
		p.failf(path, "not a regular expression in RE2's syntax: %s", shown(err.Error()))
		return nil
	}
	cost := instructions(parsed)
	if !p.spend(cost, path) {
		return nil
	}
	compiled, err := regexp.Compile(notOnePass + expression)
	if err != nil {
		p.failf(path, "not a regular expression in RE2's syntax: %s", shown(err.Error()))
		return nil
	}
	return &pattern{compiled, expression, cost}
}

// spend takes some of the instructions that patterns may still have, and reports whether there were so many.
func (p *parser) spend(instructions int, path *field.Path) bool {
	if p.instructions -= instructions; p.instructions < 0 {
		p.failf(path, "the regular expressions have more than %d instructions", maxInstructions)
	}
	return p.instructions >= 0
}

var (
	ignoresCase  = regexp.MustCompile(`\(\?[imsU-]*i`)
	wideRange    = regexp.MustCompile(`-(\\x|[^\x00-\x7f])`)
	unicodeClass = regexp.MustCompile(`\\[pP]`)
)

// classesCost is what the classes of an expression cost to parse, whatever becomes of them: those of Unicode have hundreds
// of ranges, and where case does not count, a range is folded character by character, of which it may have 120,000.
func classesCost(expression string) int {
	cost := 32 * len(unicodeClass.FindAllStringIndex(expression, -1))
	if ignoresCase.MatchString(expression) {
		cost += 1000 * len(wideRange.FindAllStringIndex(expression, -1))
	}
	return cost
}

// instructions is about how many instructions an expression compiles to, each range of a character class for one.
func instructions(re *syntax.Regexp) int {
	sum := max(1, len(re.Rune))
	for _, sub := range re.Sub {
		sum += instructions(sub)
	}
	if re.Op == syntax.OpRepeat {
		sum *= max(re.Min, re.Max, 1)
	}
	return min(sum, maxInstructions+1)
}
