// SPDX-License-Identifier: Apache-2.0

package configschema

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

// decode reads exactly one JSON value. Its numbers are those of numberOf.
func decode(raw []byte) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the value")
	}
	return withNumbers(value), nil
}

// withNumbers replaces the literals of numbers in value.
func withNumbers(value any) any {
	switch v := value.(type) {
	case json.Number:
		return numberOf(string(v))
	case []any:
		for i := range v {
			v[i] = withNumbers(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = withNumbers(v[key])
		}
	}
	return value
}

// size is how many values a value has in it; long strings and names count for more.
func size(value any) int {
	sum := 1
	switch v := value.(type) {
	case []any:
		for _, item := range v {
			sum += size(item)
		}
	case map[string]any:
		for name, item := range v {
			sum += size(item) + len(name)/countedPerStep
		}
	case string:
		sum += len(v) / countedPerStep
	}
	return sum
}
