// SPDX-License-Identifier: Apache-2.0

// Command certmanager is what tests need of cert-manager, built from its Go module at the version in go.mod: the
// controllers of Certificates, CertificateRequests and Issuers that sign by themselves or with a CA, and the cainjector
// of webhook configurations.
//
//	certmanager controller --kubeconfig=…
//	certmanager cainjector --kubeconfig=…
//
// cert-manager's own commands are in modules that it does not publish. They are assembled here as they are there, with
// the defaults of their flags, but for leader election, metrics, and the issuers that call a service: ACME, Vault and
// Venafi would bring in the clients of clouds. There is no webhook: it validates and completes nothing that the CRDs and
// the controllers do not, of objects that are valid.
package main
