// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/autowasm/autowasm/e2e/build"
)

var (
	helm     Helm
	checkout string
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	var err error
	if checkout, err = build.FindCheckout("."); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	var remove func()
	if helm, remove, err = Build(context.Background(), checkout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer remove()
	return m.Run()
}

func chartDir() string { return filepath.Join(checkout, filepath.FromSlash(Dir)) }

// rendered are the objects of the chart with values, without the test's Pod.
func rendered(t *testing.T, values ...string) map[string]map[string]any {
	t.Helper()
	out, err := template(t, values...)
	if err != nil {
		t.Fatal(err)
	}
	return decoded(t, out)
}

func template(t *testing.T, values ...string) (string, error) {
	t.Helper()
	args := []string{"--skip-tests"}
	for _, value := range values {
		args = append(args, "--set-json="+value)
	}
	return helm.Template(t.Context(), chartDir(), args...)
}

func decoded(t *testing.T, manifests string) map[string]map[string]any {
	t.Helper()
	objects, err := Objects(manifests)
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

// field returns what is at a path of names and indices, nil where there is nothing.
func field(object any, path ...any) any {
	for _, step := range path {
		switch at := step.(type) {
		case string:
			fields, _ := object.(map[string]any)
			object = fields[at]
		case int:
			items, _ := object.([]any)
			if at >= len(items) {
				return nil
			}
			object = items[at]
		}
	}
	return object
}
