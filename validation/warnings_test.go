// SPDX-License-Identifier: Apache-2.0

package validation

import (
	"strings"
	"testing"
)

func TestWarningIsOneShortLine(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"plain", "all is well", "all is well"},
		{"a line break", "two\r\nlines\tand a tab", "two  lines and a tab"},
		{"control characters", "be\x07ll\x1b[31m\u202e", "bell[31m"},
		{"broken UTF-8", "a\xffb", "ab"},
		{"at the limit", strings.Repeat("é", 119), strings.Repeat("é", 119)},
		{"over the limit", strings.Repeat("é", 120), strings.Repeat("é", 118) + "…"},
		{"a format", "100%d", "100%d"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := Warning("%s", tt.text)
			if got != tt.want {
				t.Errorf("Warning(%q) = %q, want %q", tt.text, got, tt.want)
			}
			checkWarning(t, got)
		})
	}
}
