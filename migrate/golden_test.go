// SPDX-License-Identifier: Apache-2.0

package migrate

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/manifest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var testOptions = Options{RootNamespace: "istio-system"}

// samples are the old objects in testdata, by the name of the file.
func samples(t *testing.T) map[string][]manifest.Object {
	t.Helper()
	files, err := filepath.Glob("testdata/*.in.yaml")
	if err != nil || len(files) < 10 {
		t.Fatalf("found %d samples: %v", len(files), err)
	}
	all := map[string][]manifest.Object{}
	for _, file := range files {
		in, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		objects, err := manifest.Read(in)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all[strings.TrimSuffix(filepath.Base(file), ".in.yaml")] = objects
	}
	return all
}

// TestGolden compares AutoWasms and notes as a user sees them.
func TestGolden(t *testing.T) {
	for name, objects := range samples(t) {
		t.Run(name, func(t *testing.T) {
			golden(t, "testdata/"+name+".out.yaml", printed(t, Objects(objects, testOptions)))
		})
	}
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("no golden file; run go test ./migrate -update: %v", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got)\n%s", file, diff)
	}
}

// printed is all of a result in one text.
func printed(t *testing.T, result Result) string {
	t.Helper()
	var out strings.Builder
	for _, note := range result.Notes {
		out.WriteString("# " + note.String() + "\n")
	}
	for _, object := range result.Skipped {
		out.WriteString("# " + manifest.SkippedNote(object) + "\n")
	}
	for _, migrated := range result.Migrated {
		out.WriteString("---\n" + string(yamlOf(t, migrated.AutoWasm)))
	}
	return out.String()
}

func yamlOf(t *testing.T, aw *v1alpha1.AutoWasm) []byte {
	t.Helper()
	object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(aw)
	if err != nil {
		t.Fatal(err)
	}
	delete(object, "status")
	delete(object["metadata"].(map[string]any), "creationTimestamp")
	raw, err := yaml.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
