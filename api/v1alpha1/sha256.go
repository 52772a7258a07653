package v1alpha1

import "strings"

// IsSHA256 reports whether s is written as a module's hash is everywhere: 64
// lower-case hex digits.
func IsSHA256(s string) bool {
	return len(s) == 64 && strings.Trim(s, "0123456789abcdef") == ""
}
