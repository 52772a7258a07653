package render

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

// Options say where the proxies load modules from.
type Options struct {
	// Cluster is the Envoy cluster of the module server, such as
	// "outbound|8081||wasmer.istio-system.svc.cluster.local". Required.
	Cluster string
	// BaseURL is the module server's address for that cluster, such as
	// "http://wasmer.istio-system.svc.cluster.local:8081"; the path
	// /wasm/<sha256> is added. Required.
	BaseURL string
	// Timeout of one load, whatever the failure policy; 0 means OpenTimeout for
	// FailOpen and DefaultTimeout for the others.
	Timeout time.Duration
	// Retries is how often a proxy tries again after a load that failed, whatever the
	// failure policy; 0 means OpenRetries for FailOpen and EndlessRetries for the
	// others. Envoy gives up for good after the last one.
	Retries uint32
}

// How a proxy loads a module when Options do not say.
const (
	// DefaultTimeout is time enough for the largest module over a slow network.
	DefaultTimeout = 30 * time.Second
	// OpenTimeout and OpenRetries bound how long a filter that fails open keeps a
	// proxy that starts from being ready: 21 seconds at worst, and one or two when
	// nothing answers at the module server's address. The controller asks again for
	// the proxies that gave up.
	OpenTimeout = 10 * time.Second
	OpenRetries = 1
	// EndlessRetries is some months. A filter that fails closed has nothing to gain
	// from giving up: until the module comes, an updated proxy serves the old one, and
	// one that starts says honestly that it is not ready.
	EndlessRetries = 1_000_000
)

func (o Options) withDefaults() Options {
	o.BaseURL = strings.TrimSuffix(o.BaseURL, "/")
	return o
}

func (o Options) check() error {
	if o.Cluster == "" {
		return fmt.Errorf("the cluster of the module server is not set: set Options.Cluster to its Envoy cluster, such as outbound|8081||wasmer.istio-system.svc.cluster.local")
	}
	base, err := url.Parse(o.BaseURL)
	if err != nil || base.Host == "" || (base.Scheme != "http" && base.Scheme != "https") {
		return fmt.Errorf("the base URL of the module server is %q: set Options.BaseURL to an absolute http or https URL, such as http://wasmer.istio-system.svc.cluster.local:8081", o.BaseURL)
	}
	if o.Timeout < 0 {
		return fmt.Errorf("the timeout of a module's load is %s: set Options.Timeout to a positive duration", o.Timeout)
	}
	return nil
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
