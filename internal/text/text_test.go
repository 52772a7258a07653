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
