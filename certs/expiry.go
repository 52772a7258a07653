// SPDX-License-Identifier: Apache-2.0

package certs

import (
	"crypto/tls"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// expiry is the metrics of when the served certificate expires, and its authority. What is not known has no value: any
// would mean something.
type expiry struct{ source Source }

var (
	expiryDesc = prometheus.NewDesc("wasmer_webhook_certificate_expiry_timestamp_seconds",
		"When the certificate that the webhook server presents expires, in seconds since 1970.", nil, nil)
	authorityExpiryDesc = prometheus.NewDesc("wasmer_webhook_ca_expiry_timestamp_seconds",
		"When the last authority in the caBundles expires that verifies that certificate, in seconds since 1970.", nil, nil)
)

// Expiry returns the metrics of when the certificate that s serves expires, whether or not it has, and its authority.
func Expiry(s Source) prometheus.Collector { return expiry{s} }

// Describe sends the metrics' descriptions.
func (e expiry) Describe(descriptions chan<- *prometheus.Desc) {
	descriptions <- expiryDesc
	descriptions <- authorityExpiryDesc
}

// Collect sends the metrics that have a value.
func (e expiry) Collect(metrics chan<- prometheus.Metric) {
	certificate, authority := e.source.Expires()
	for desc, at := range map[*prometheus.Desc]time.Time{expiryDesc: certificate, authorityExpiryDesc: authority} {
		if !at.IsZero() {
			metrics <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, float64(at.Unix()))
		}
	}
}

// expiryOf returns when the certificate expires that get presents, whether or not it has, and the last of the trusted
// authorities that verify it.
func expiryOf(get func(*tls.ClientHelloInfo) (*tls.Certificate, error), trust *trustAnchors) (certificate, authority time.Time) {
	chain, err := chainOf(get, time.Time{})
	if err != nil {
		return time.Time{}, time.Time{}
	}
	return chain[0].NotAfter, trust.expiryFor(chain)
}
