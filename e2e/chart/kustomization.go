// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"context"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// A rendering is a file of the kustomization that is made from templates of the chart.
type rendering struct {
	values []string // in place of the defaults
	// comment is put before the first document, for those who read the file and not the chart.
	comment string
	// edit changes the text, if it is set.
	edit func(string) string
}

// options are the files of manifests/options that are made with other values, by the template that they are made from.
var options = map[string]struct {
	path string
	rendering
}{
	"workload/networkpolicy.yaml": {"options/networkpolicy.yaml", rendering{
		values: []string{"networkPolicy.enabled=true", "networkPolicy.apiServerCIDRs={192.0.2.10/32}"},
		comment: `# Not a part of manifests/kustomization.yaml, since it differs from cluster to cluster: put the API server's addresses in
# place of the CIDR below, an example that matches nothing, and kubectl apply -f.
#
`,
	}},
	"rbac/listed-secrets.yaml": {"options/listed-secrets/namespace.yaml", rendering{
		values: []string{"secrets.access=Listed", "secrets.namespaces={" + anyNamespace + "}"},
		edit:   func(text string) string { return strings.ReplaceAll(text, "  namespace: "+anyNamespace+"\n", "") },
	}},
}

// anyNamespace stands for the one that kubectl apply -n names.
const anyNamespace = "any-namespace"

// notKustomized are templates that the kustomization has from elsewhere, or not at all.
var notKustomized = []string{
	"crd.yaml",                  // manifests/crd is what the chart's CRD is made from
	"tests/modules.yaml",        // helm test
	"webhook/certificates.yaml", // options/cert-manager, from package certs
}

// Kustomization renders the files of the kustomization, by their paths below manifests/.
func (h Helm) Kustomization(ctx context.Context, dir string) (map[string]string, error) {
	files := map[string]string{}
	templates, err := h.render(ctx, dir, rendering{})
	if err != nil {
		return nil, err
	}
	for name, text := range templates {
		if !slices.Contains(notKustomized, name) {
			files[name] = text
		}
	}
	for name, option := range options {
		templates, err := h.render(ctx, dir, option.rendering)
		if err != nil {
			return nil, err
		}
		if templates[name] == "" {
			return nil, fmt.Errorf("with %v the chart has no %s", option.values, name)
		}
		files[option.path] = templates[name]
	}
	return files, nil
}

// render returns what r makes of each template, with a line that says where to change it.
func (h Helm) render(ctx context.Context, dir string, r rendering) (map[string]string, error) {
	var args []string
	for _, value := range r.values {
		args = append(args, "--set="+value)
	}
	out, err := h.Template(ctx, dir, args...)
	if err != nil {
		return nil, err
	}
	files := map[string]string{}
	for name, documents := range byTemplate(out) {
		text := strings.Join(documents, "---\n")
		if r.edit != nil {
			text = r.edit(text)
		}
		files[name] = fmt.Sprintf("# Generated from %s by make generate: do not edit.\n%s%s",
			path.Join(path.Base(path.Dir(Dir)), path.Base(Dir), "templates", name), r.comment, text)
	}
	return files, nil
}

// source is the line by which Helm says which template a document is from.
var source = regexp.MustCompile(`(?m)^---\n# Source: [^/\n]+/templates/(.+)\n`)

// byTemplate returns the documents of each template in the output of helm template.
func byTemplate(out string) map[string][]string {
	files := map[string][]string{}
	matches := source.FindAllStringSubmatchIndex(out, -1)
	for i, match := range matches {
		end := len(out)
		if i+1 < len(matches) {
			end = matches[i+1][0]
		}
		name := out[match[2]:match[3]]
		files[name] = append(files[name], strings.Trim(out[match[1]:end], "\n")+"\n")
	}
	return files
}
