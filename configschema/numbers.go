// SPDX-License-Identifier: Apache-2.0

package configschema

import (
	"cmp"
	"math"
	"math/big"
	"strconv"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

const (
	// maxExact is where floats begin to stand for several integers.
	maxExact = 1 << 53
	// floatLoss is what a quotient of floats may be off, as part of it.
	floatLoss = 1.0 / (1 << 50)
)

// numberOf is a number of JSON: an int64 if it is an integer that is exactly known, else a float64, infinite where it is too
// large for that. So equal ones are equal however they are written, and no digit of an integer is lost.
func numberOf(literal string) any {
	if i, err := strconv.ParseInt(literal, 10, 64); err == nil {
		return i
	}
	f, _ := strconv.ParseFloat(literal, 64) // ±Inf beyond its range
	if math.Abs(f) < maxExact && f == math.Trunc(f) {
		return int64(f)
	}
	return f
}

// isWide holds for integers that are too large to be exactly known.
func isWide(value any) bool {
	f, ok := value.(float64)
	return ok && f == math.Trunc(f)
}

// compare compares two numbers exactly, as package cmp does.
func compare(a, b any) int {
	i, ok := a.(int64)
	if j, both := b.(int64); ok && both {
		return cmp.Compare(i, j)
	}
	return exact(a).Cmp(exact(b))
}

func exact(number any) *big.Float {
	if i, ok := number.(int64); ok {
		return new(big.Float).SetInt64(i)
	}
	return big.NewFloat(number.(float64))
}

// isMultiple is exact for integers, and allows for what floats lose: 0.3 is a multiple of 0.1.
func isMultiple(value, of any) bool {
	i, ok := value.(int64)
	if j, both := of.(int64); ok && both {
		return i%j == 0
	}
	quotient := asFloat(value) / asFloat(of)
	return math.Abs(quotient-math.Round(quotient)) <= floatLoss*math.Abs(quotient)
}

func asFloat(number any) float64 {
	if i, ok := number.(int64); ok {
		return float64(i)
	}
	return number.(float64)
}

func (v *validator) number(s *Schema, value any, path *field.Path) {
	if s.minimum != nil {
		switch order := compare(value, s.minimum); {
		case order < 0:
			v.invalid(path, value, "must be at least %v", s.minimum)
		case order == 0 && s.exclusiveMinimum:
			v.invalid(path, value, "must be above %v", s.minimum)
		}
	}
	if s.maximum != nil {
		switch order := compare(value, s.maximum); {
		case order > 0:
			v.invalid(path, value, "must be at most %v", s.maximum)
		case order == 0 && s.exclusiveMaximum:
			v.invalid(path, value, "must be below %v", s.maximum)
		}
	}
	if s.multipleOf != nil && !isMultiple(value, s.multipleOf) {
		v.invalid(path, value, "must be a multiple of %v", s.multipleOf)
	}
}
