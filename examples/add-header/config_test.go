// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
)

func TestParseConfig(t *testing.T) {
	tests := []struct {
		name   string
		config string
		want   header
	}{
		{"nothing", "", header{"hello", "world"}},
		{"blanks", " \n", header{"hello", "world"}},
		{"a value", "there", header{"hello", "there"}},
		{"a value of several words", "to you: all", header{"hello", "to you: all"}},
		{"a header", "x-team: blue", header{"x-team", "blue"}},
		{"a header without blanks", "x-team:blue", header{"x-team", "blue"}},
		{"a header with a colon in its value", "x-time: 10:30", header{"x-time", "10:30"}},
		{"a header without a value", "x-team:", header{"x-team", ""}},
		{"an object", `{"header": "x-team", "value": "blue"}`, header{"x-team", "blue"}},
		{"an object with a value", `{"value": "blue"}`, header{"hello", "blue"}},
		{"an object with a header", `{"header": "x-team"}`, header{"x-team", "world"}},
		{"an empty object", `{}`, header{"hello", "world"}},
		{"an object with more", `{"value": "blue", "more": [1]}`, header{"hello", "blue"}},
		{"letters beyond ASCII", "Grüße", header{"hello", "Grüße"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseConfig(tt.config)
			if err != nil || got != tt.want {
				t.Errorf("parseConfig(%q) = %+v, %v, want %+v", tt.config, got, err, tt.want)
			}
		})
	}
}

func TestParseConfigRefuses(t *testing.T) {
	tests := []struct{ name, config, message string }{
		{"a broken object", `{"header": `, "read the configuration as a JSON object"},
		{"an object of other types", `{"value": 7}`, "read the configuration as a JSON object"},
		{"an empty name", `{"header": ""}`, `"" is not the name of a header`},
		{"a name with a blank", `{"header": "x team"}`, `"x team" is not the name of a header`},
		{"a second header in the value", "x-team: a\r\nset-cookie: b", "has a control character"},
		{"a second header in an object", `{"value": "a\nb"}`, "the value of hello has a control character"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseConfig(tt.config)
			if err == nil || !strings.Contains(err.Error(), tt.message) {
				t.Errorf("parseConfig(%q) = %+v, %v, want an error with %q", tt.config, got, err, tt.message)
			}
		})
	}
}
