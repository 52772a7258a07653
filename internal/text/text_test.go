// SPDX-License-Identifier: Apache-2.0

package text_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/autowasm/autowasm/internal/text"
)

func TestTruncate(t *testing.T) {
	tests := []struct {
		name, in string
		bytes    int
		want     string
	}{
		{"empty", "", 0, ""},
		{"short", "abc", 4, "abc"},
		{"at the limit", "abcd", 4, "abcd"},
		{"over the limit", "abcde", 4, "a…"},
		{"only the ellipsis fits", "abcd", 3, "…"},
		{"not even the ellipsis fits", "abcd", 2, ""},
		{"a negative limit", "abcd", -1, ""},
		{"between characters", "ééééé", 7, "éé…"},
		{"within a character", "ééééé", 8, "éé…"},
		{"within a wide character", "a🙂🙂", 8, "a🙂…"},
		{"within the first character", "🙂🙂", 6, "…"},
		{"an ellipsis of its own", "ab……", 7, "ab…"},
		{"no UTF-8", strings.Repeat("\x80", 10), 9, "\x80\x80\x80…"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := text.Truncate(tt.in, tt.bytes); got != tt.want {
				t.Errorf("Truncate(%q, %d) = %q, want %q", tt.in, tt.bytes, got, tt.want)
			}
		})
	}
}

func FuzzTruncate(f *testing.F) {
	f.Add("größe 🙂", 9)
	f.Add("\xff\xfe\x80", 2)
	f.Fuzz(func(t *testing.T, in string, bytes int) {
		got := text.Truncate(in, bytes)
		if len(got) > max(bytes, 0) {
			t.Errorf("%d bytes, the limit is %d", len(got), bytes)
		}
		if utf8.ValidString(in) && !utf8.ValidString(got) {
			t.Errorf("%q is not UTF-8", got)
		}
		if start := strings.TrimSuffix(got, "…"); got != in && !strings.HasPrefix(in, start) {
			t.Errorf("%q is no start of %q", start, in)
		}
	})
}

func TestTruncateRunes(t *testing.T) {
	tests := []struct {
		in    string
		runes int
		want  string
	}{
		{"", 0, ""},
		{"éééé", 4, "éééé"},
		{"ééééé", 4, "ééé…"},
		{"éé", 1, "…"},
		{"éé", 0, ""},
	}
	for _, tt := range tests {
		if got := text.TruncateRunes(tt.in, tt.runes); got != tt.want {
			t.Errorf("TruncateRunes(%q, %d) = %q, want %q", tt.in, tt.runes, got, tt.want)
		}
	}
}

func TestElide(t *testing.T) {
	a14 := strings.Repeat("a", 14)
	tests := map[string]string{
		"":                      "",
		"reg.example":           "reg.example",
		strings.Repeat("é", 29): strings.Repeat("é", 29),
		a14 + "aa" + a14:        a14 + "…" + a14,
		"begin" + strings.Repeat("a", 99) + ".end": "beginaaaaaaaaa…aaaaaaaaaa.end",
	}
	for in, want := range tests {
		if got := text.Elide(in); got != want {
			t.Errorf("Elide(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestOneLine(t *testing.T) {
	tests := map[string]string{
		"plain":                   "plain",
		"two\r\nlines\tand a tab": "two  lines and a tab",
		"be\x07ll\x1b[31m\u202e":  "bell[31m",
		"a\xffb":                  "ab",
	}
	for in, want := range tests {
		if got := text.OneLine(in); got != want {
			t.Errorf("OneLine(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestWithoutQuery(t *testing.T) {
	tests := map[string]string{
		"https://b.example/f.wasm":                         "https://b.example/f.wasm",
		"https://b.example:8443/a%2Fb/f.wasm?X-Sig=s3cret": "https://b.example:8443/a%2Fb/f.wasm",
		"https://b.example/f.wasm?":                        "https://b.example/f.wasm",
		"https://b.example?sig=s3cret":                     "https://b.example",
		"https://b.example/f.wasm#s3cret":                  "https://b.example/f.wasm",
		"https://user:s3cret@b.example/f":                  "https://b.example/f",
		"https://b.example/%zz?s3cret":                     "",
		"":                                                 "",
	}
	for address, want := range tests {
		if got := text.WithoutQuery(address); got != want {
			t.Errorf("WithoutQuery(%q) = %q, want %q", address, got, want)
		}
	}
}
