package render

import (
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
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
