// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// TestExamplesApply takes what users copy to the API server's own code.
func TestExamplesApply(t *testing.T) {
	s := newServer(t)
	examples := exampleManifests(t)
	if len(examples) < 8 {
		t.Fatalf("only %d examples were found", len(examples))
	}
	for name, manifest := range examples {
		t.Run(name, func(t *testing.T) {
			got := s.create(t, parse(t, manifest))
			if diff := cmp.Diff(answer{}, got, cmpopts.EquateEmpty(), cmp.AllowUnexported(answer{})); diff != "" {
				t.Errorf("(-want +got):\n%s\n%s", diff, manifest)
			}
		})
	}
}

// exampleManifests are the AutoWasms in examples/manifests and in the documentation's blocks of YAML.
func exampleManifests(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	visit := func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		switch filepath.Ext(path) {
		case ".yaml":
			addExamples(found, path, []string{readFile(t, path)})
		case ".md":
			addExamples(found, path, yamlBlocks(readFile(t, path)))
		}
		return nil
	}
	for _, root := range []string{"../../examples", "../../docs", "../../README.md"} {
		if err := filepath.WalkDir(root, visit); err != nil {
			t.Fatal(err)
		}
	}
	return found
}

func addExamples(found map[string]string, path string, manifests []string) {
	for i, manifest := range manifests {
		if strings.Contains(manifest, "\nkind: AutoWasm\n") {
			found[path+"#"+string(rune('a'+i))] = manifest
		}
	}
}

var yamlBlock = regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$")

func yamlBlocks(text string) []string {
	var blocks []string
	for _, match := range yamlBlock.FindAllStringSubmatch(text, -1) {
		blocks = append(blocks, match[1])
	}
	return blocks
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
