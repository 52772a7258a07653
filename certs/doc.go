// SPDX-License-Identifier: Apache-2.0

// Package certs gives the webhook its serving certificate, and has the API server trust it.
//
// A Source answers TLS handshakes. There are two:
//
//   - SelfManaged needs no add-on. A long-lived certificate authority is kept in a
//     Secret that all replicas share; each replica holds a short-lived certificate
//     of its own in memory, renewed long before it expires. The authority is
//     written into the caBundle of the two webhook configurations.
//   - Files reads a certificate that another component, such as cert-manager, mounts
//     and renews. That component also keeps the caBundle.
//
// # Rotation of the authority
//
// No request may fail while the authority changes. So a replica goes on serving the certificate of the old authority
// until every caBundle has had the new one for some seconds, whoever writes it: the order in which a new certificate
// and a new caBundle arrive does not matter. SelfManaged appends a new authority to the caBundle, beside the old
// one, as cert-manager's cainjector does. The old one leaves the bundle when it expires. To distrust it at once, after
// its key has leaked, delete the Secret and empty the caBundle: the bundle is then made from the current authority
// alone.
//
// # Writes
//
// Every replica keeps the caBundle current, without leader election: the first start must converge before there is a
// leader, and the result is the same whichever replica writes. A write happens only on a difference and names the
// resourceVersion that was read, so that of two replicas one wins and the other finds no difference.
package certs
