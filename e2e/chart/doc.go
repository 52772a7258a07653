// SPDX-License-Identifier: Apache-2.0

// Package chart renders the Helm chart in manifests/charts/wasmer with Helm itself, and makes from it what must not
// differ from it: the kustomization in manifests/, the chart's values.yaml and the table of its values in the
// documentation.
//
// The templates are the source of every object, and values.schema.json of every value: its default and its
// description. make generate writes what is made from them, make lint compares.
package chart
