// SPDX-License-Identifier: Apache-2.0

// Package gce takes the place of Google's cloud provider, which Kubernetes 1.30 links into kube-apiserver for two flags
// that it lists in its help, and which needs all clients of Google's cloud.
//
// Kubernetes' own way to leave it out is the build tag providerless. `go mod tidy` knows no tags, and would require
// what the tag leaves out.
package gce

import "flag"

func init() {
	flag.String("cloud-provider-gce-lb-src-cidrs", "", "has no effect")
	flag.String("cloud-provider-gce-l7lb-src-cidrs", "", "has no effect")
}
