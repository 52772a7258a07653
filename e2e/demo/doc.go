// SPDX-License-Identifier: Apache-2.0

// Package demo plays the tutorial on an embedded environment: it prints each
// command, runs it in a shell as a reader would, shows what it answered, and
// stops at the first answer that is not the tutorial's. The steps that ask
// an Envoy are played where there is one.
package demo
