package webhook

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxWarning is below the length from which clients cut warnings, in characters.
const maxWarning = 119

// warning formats one line for the user. The API server drops a warning with a
// control character without a word, so none is left in it.
func warning(format string, args ...any) string {
	return oneLine(fmt.Sprintf(format, args...), maxWarning)
}

// oneLine keeps the printable characters of text, at most limit of them: text may
// quote what a registry or another webhook said.
func oneLine(text string, limit int) string {
	text = strings.Map(printable, text)
	if utf8.RuneCountInString(text) <= limit {
		return text
	}
	return string([]rune(text)[:limit-1]) + "…"
}

func printable(r rune) rune {
	switch {
	case r == '\n' || r == '\r' || r == '\t':
		return ' '
	case r == utf8.RuneError || !unicode.IsPrint(r):
		return -1
	}
	return r
}

// shortened cuts the middle out of a name that would not leave room for the rest
// of a warning.
func shortened(name string) string {
	const keep = 14
	runes := []rune(name)
	if len(runes) <= 2*keep+1 {
		return name
	}
	return string(runes[:keep]) + "…" + string(runes[len(runes)-keep:])
}
