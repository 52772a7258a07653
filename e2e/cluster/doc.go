// SPDX-License-Identifier: Apache-2.0

// Package cluster is a Kubernetes cluster of two nodes with Istio, on one machine, without a container engine: what a user
// has, where package env has a control plane alone. It needs Linux, root and a few of Debian's packages.
//
// It is three machines (package machine) on a network of their own: `control` runs etcd, the parts of the control plane and
// two registries, `node1` and `node2` run containerd, kubelet, kube-proxy and what enforces NetworkPolicies. A bridge and
// the routes of Pods are in control's network; the machine that all of it runs on has no link to them, and nothing listens
// there. Who wants to reach the cluster enters control's network (see Variables). Pods are given addresses by the CNI
// plugin ptp, so that all their packets are routed, by kube-proxy's rules too.
//
// The images of what runs in Pods are made from this checkout's own builds (package image) and pushed to a registry that
// the nodes pull from. Istio is installed with Helm from the charts in its Go module, its proxies are the Envoy that the
// mesh of package mesh has.
//
// What is left after the end is checked by a test: there are no processes, namespaces, mounts, links, cgroups or changed
// sysctls, since all but the cgroups are the machines' own and end with them.
package cluster
