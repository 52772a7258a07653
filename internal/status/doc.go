// SPDX-License-Identifier: Apache-2.0

// Package status makes one report of what the cluster shows of an AutoWasm: its status, the EnvoyFilter and the Pods with
// the proxies, and what to do about what is wrong. It is pure: who calls it reads the objects.
package status
