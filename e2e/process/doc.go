// SPDX-License-Identifier: Apache-2.0

// Package process runs the parts of an environment as child processes: each in a process group of its own, with its output
// in a log file, ended by the kernel when this process is, and with an error that shows the end of its log when it does not
// become ready or dies.
package process
