// SPDX-License-Identifier: Apache-2.0

// Package tutorial has the manifests of Tencent Cloud Mesh's tutorial, which are to apply unchanged: the one that takes
// the module from an image registry and the one that takes it from a public bucket.
package tutorial

import (
	_ "embed"
	"strings"
	"text/template"
)

//go:embed aw.yaml
var text string

var manifest = template.Must(template.New("aw.yaml").Parse(text))

// A Manifest is one of the tutorial, with what it leaves to its reader.
type Manifest struct {
	// Name is the AutoWasm's. Default: the tutorial's, test.
	Name string
	// Namespace is left out when it is "".
	Namespace string
	// Image and URL are where the module is: one of them.
	Image, URL string
	// Secret is left out when it is "".
	Secret string
	// App is the value of the label app by which workloads are selected. Default: the tutorial's, details.
	App string
}

// String is the manifest's YAML.
func (m Manifest) String() string {
	if m.Name == "" {
		m.Name = "test"
	}
	if m.App == "" {
		m.App = "details"
	}
	var out strings.Builder
	if err := manifest.Execute(&out, m); err != nil {
		return err.Error() // not reachable: it only writes strings into a builder
	}
	return out.String()
}
