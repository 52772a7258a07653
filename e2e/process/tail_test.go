// SPDX-License-Identifier: Apache-2.0

package process

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTail(t *testing.T) {
	long := strings.Repeat("x", tailBytes)
	for name, tc := range map[string]struct {
		content string
		offset  int64
		lines   int
		want    []string
	}{
		"empty":                            {"", 0, 3, nil},
		"only a line's end":                {"\n", 0, 3, nil},
		"fewer lines":                      {"a\nb\n", 0, 3, []string{"a", "b"}},
		"more lines":                       {"a\nb\nc\nd\n", 0, 3, []string{"b", "c", "d"}},
		"last line without its end":        {"a\nb", 0, 1, []string{"b"}},
		"empty lines between":              {"a\n\nb\n", 0, 3, []string{"a", "", "b"}},
		"after an offset":                  {"old\nnew\n", 4, 3, []string{"new"}},
		"nothing after an offset":          {"old\n", 4, 3, nil},
		"a cut line is left out":           {"cut" + long + "\nwhole\n", 0, 3, []string{"whole"}},
		"one line that is longer than all": {"cut" + long, 0, 3, []string{long}},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "log")
			if err := os.WriteFile(path, []byte(tc.content), 0o644); err != nil {
				t.Fatal(err)
			}
			got, err := tailFrom(path, tc.offset, tc.lines)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTailOfNoFile(t *testing.T) {
	if got, err := Tail(filepath.Join(t.TempDir(), "absent"), 3); err == nil {
		t.Errorf("the end of an absent file is %q", got)
	}
}
