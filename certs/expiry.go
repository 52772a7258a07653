package certs

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// expiry is the metric of when the served certificate expires.
type expiry struct{ source Source }

var expiryDesc = prometheus.NewDesc("wasmer_webhook_certificate_expiry_timestamp_seconds",
	"When the certificate that the webhook server presents expires, in seconds since 1970.", nil, nil)

// Expiry returns the metric of when the certificate that s serves expires, whether or not it has. It has no value
// while there is no certificate.
func Expiry(s Source) prometheus.Collector { return expiry{s} }

// Describe sends the metric's description.
func (e expiry) Describe(descriptions chan<- *prometheus.Desc) { descriptions <- expiryDesc }

// Collect sends the metric, if there is a certificate.
func (e expiry) Collect(metrics chan<- prometheus.Metric) {
	leaf, err := leafOf(e.source.GetCertificate, time.Time{})
	if err != nil {
		return
	}
	metrics <- prometheus.MustNewConstMetric(expiryDesc, prometheus.GaugeValue, float64(leaf.NotAfter.Unix()))
}
