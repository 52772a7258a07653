package v1alpha1_test

import (
	"strings"
	"testing"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

func TestIsSHA256(t *testing.T) {
	good := strings.Repeat("0123456789abcdef", 4)
	tests := map[string]bool{
		good: true, good[:63]: false, good + "0": false, "": false, strings.ToUpper(good): false,
		"g" + good[1:]: false, good[:63] + "g": false, "../" + good[3:]: false, good[:20] + "/" + good[21:]: false,
		good[:63] + "\n": false, good + "\n": false,
	}
	for s, want := range tests {
		if got := v1alpha1.IsSHA256(s); got != want {
			t.Errorf("IsSHA256(%q) = %v", s, got)
		}
	}
}
