// SPDX-License-Identifier: Apache-2.0

// Command controlplane is the part of a Kubernetes control plane that a test needs, in one binary:
// kube-apiserver, controllers and kubectl, built from their Go modules at the versions in go.mod.
//
//	controlplane kube-apiserver --etcd-servers …
//	ln -s controlplane kubectl && ./kubectl version
//
// The controllers are those of kube-controller-manager that do something here: the garbage collector and those of
// namespaces, quotas, service accounts and aggregated cluster roles. All of kube-controller-manager would bring in the
// rest, and with it the cloud providers, the volume plugins and the scheduler, which take minutes to compile.
//
// One binary rather than three because they share most of their packages: it is linked once and takes the
// space of one. The version that it reports is set at link time (see package build), since kubectl refuses to
// compare versions that it cannot parse.
package main
