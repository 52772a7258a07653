// SPDX-License-Identifier: Apache-2.0

// Package certificates holds the tests of the webhooks' certificates under a load of
// admissions: those of wasmer's own authority and those of cert-manager, whose
// controller and cainjector are the real ones. What happens to certificates in a year
// happens here within a minute, and no admission may fail for it.
package certificates
