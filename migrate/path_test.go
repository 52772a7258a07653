// SPDX-License-Identifier: Apache-2.0

package migrate

import (
	"strconv"
	"strings"
)

// at returns what is at a path, whose parts follow NUL characters.
func at(value any, path string) any {
	for part := range strings.SplitSeq(strings.TrimPrefix(path, "\x00"), "\x00") {
		switch inside := value.(type) {
		case map[string]any:
			if part != "" {
				value = inside[part]
			}
		case []any:
			i, _ := strconv.Atoi(part)
			value = inside[i]
		}
	}
	return value
}

func set(content map[string]any, path string, value any) {
	cut := strings.LastIndex(path, "\x00")
	last := path[cut+1:]
	switch parent := at(content, path[:cut]).(type) {
	case map[string]any:
		parent[last] = value
	case []any:
		i, _ := strconv.Atoi(last)
		parent[i] = value
	}
}

// dotted is a path as notes have it.
func dotted(path string) string {
	var out strings.Builder
	for part := range strings.SplitSeq(strings.TrimPrefix(path, "\x00"), "\x00") {
		switch _, err := strconv.Atoi(part); {
		case err == nil, strings.ContainsAny(part, "./@"):
			out.WriteString("[" + part + "]")
		default:
			out.WriteString("." + part)
		}
	}
	return strings.TrimPrefix(out.String(), ".")
}
