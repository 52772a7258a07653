// SPDX-License-Identifier: Apache-2.0

// Package supervise runs a System in the background of a checkout: an environment for `make up` and `make down`, a cluster
// for `make cluster` and `make cluster-down`.
//
// Up starts a supervisor: a process in a session of its own, so that it outlives the shell, which runs the system, such
// as an environment (package env) with a mesh on it (package mesh), and writes what becomes of it into a directory, .local
// of the checkout for an environment:
//
//	kubeconfig  env           for the user: env is to be sourced by a shell
//	log/                      of the supervisor (env.log) and of each part
//	data/                     of the parts; thrown away with the environment
//	state.json                what Up, Down and Status read
//	supervisor                the supervisor's own binary
//	supervisor.lock           locked as long as the supervisor runs
//
// Whether it runs is told by the lock alone, which the kernel releases with the process: a process id in a file
// may be another's by now. Up and Down have a lock on the directory itself, so that one of them is at work at a time.
// The supervisor ends when its state file is removed, so that deleting the checkout stops what runs in it.
package supervise
