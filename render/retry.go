package render

import (
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

// retryPolicy is always rendered: Envoy's default gives up within two seconds, and
// a proxy that gave up stays without the module until its configuration changes.
func retryPolicy(retries uint32) *corev3.RetryPolicy {
	return &corev3.RetryPolicy{
		NumRetries: wrapperspb.UInt32(retries),
		RetryBackOff: &corev3.BackoffStrategy{
			BaseInterval: durationpb.New(retryBaseInterval),
			MaxInterval:  durationpb.New(retryMaxInterval),
		},
	}
}

// timeout of one load under a failure policy.
func (o Options) timeout(policy v1alpha1.FailurePolicy) time.Duration {
	switch {
	case o.Timeout != 0:
		return o.Timeout
	case policy == v1alpha1.FailOpen:
		return OpenTimeout
	default:
		return DefaultTimeout
	}
}

// retries is how often a proxy tries again under a failure policy.
func (o Options) retries(policy v1alpha1.FailurePolicy) uint32 {
	switch {
	case o.Retries != 0:
		return o.Retries
	case policy == v1alpha1.FailOpen:
		return OpenRetries
	default:
		return EndlessRetries
	}
}
