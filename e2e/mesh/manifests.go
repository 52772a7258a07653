// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"text/template"

	"github.com/autowasm/autowasm/e2e/env"
)

//go:embed manifests/*.yaml
var manifestFiles embed.FS

var manifests = template.Must(template.New("").Option("missingkey=error").ParseFS(manifestFiles, "manifests/*.yaml"))

// apply applies one of the manifests with the values that it asks for.
func apply(ctx context.Context, e *env.Environment, name string, values any) error {
	var manifest bytes.Buffer
	if err := manifests.ExecuteTemplate(&manifest, name, values); err != nil {
		return fmt.Errorf("fill in manifests/%s: %w", name, err)
	}
	if _, err := e.KubectlInput(ctx, manifest.String(), "apply", "--server-side", "--validate=strict", "-f", "-"); err != nil {
		return fmt.Errorf("apply manifests/%s: %w", name, err)
	}
	return nil
}
