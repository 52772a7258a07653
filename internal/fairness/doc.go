// SPDX-License-Identifier: Apache-2.0

// Package fairness divides what all namespaces share between them: one that wants much delays itself, and not the
// others. A Limiter does so for work that waits for its place, a Budget for work that takes more or less of something; package
// fairworkers does for the workers of a controller.
package fairness
