// SPDX-License-Identifier: Apache-2.0

// Package localenvoy runs an Envoy on this machine with one filter before one upstream, for a developer: each version of the
// filter replaces the last one in place, without a restart, and Envoy's log is read line by line.
//
// The filter comes by ECDS from a file. Envoy watches it, and takes a version as soon as the file has been replaced; requests
// that are on their way end with the version that they began with. Each version has a file of its own with the code. A module
// has a vm_id of its own, as that of an AutoWasm has, so that nothing of another, such as shared data, is left. A version that does not start is refused, and
// the last one goes on.
//
// Envoy listens on loopback alone, and its admin interface is a socket in a directory that no other user can read. It ends
// with the process that started it, however that ends: between them is a supervisor, which ends Envoy and removes its files
// once its standard input is closed, as the kernel does when its owner is gone.
package localenvoy
