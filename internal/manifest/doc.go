// SPDX-License-Identifier: Apache-2.0

// Package manifest reads files of Kubernetes objects, in YAML or JSON: several documents in one file, and Lists, as
// kubectl apply takes them. It knows no types: who reads picks the objects of its kinds, and names what it skips.
package manifest
