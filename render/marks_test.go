package render_test

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/autowasm/autowasm/render"
)

func TestNameLabel(t *testing.T) {
	tests := map[string]struct{ name, want string }{
		"short":    {"test", "test"},
		"longest":  {strings.Repeat("a", 63), strings.Repeat("a", 63)},
		"too long": {strings.Repeat("a", 64), strings.Repeat("a", 52) + "-ffe054fe7a"},
		"dots":     {strings.Repeat("a.", 40) + "b", strings.Repeat("a.", 26) + "-" + "a9ef48af0a"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := render.NameLabel(test.name)
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if problems := validation.IsValidLabelValue(got); len(problems) > 0 {
				t.Errorf("%q is no label value: %v", got, problems)
			}
		})
	}
}

func TestNameLabelTellsLongNamesApart(t *testing.T) {
	long := strings.Repeat("a", 100)
	if render.NameLabel(long+"x") == render.NameLabel(long+"y") {
		t.Error("two names, one label")
	}
}
