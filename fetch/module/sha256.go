package module

import "github.com/autowasm/autowasm/api/v1alpha1"

// IsSHA256 is v1alpha1.IsSHA256.
func IsSHA256(s string) bool { return v1alpha1.IsSHA256(s) }
