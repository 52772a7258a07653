// SPDX-License-Identifier: Apache-2.0

package render

import (
	"fmt"
	"net/url"
	"time"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

// Options say where the proxies load modules from. Both are required.
type Options struct {
	// Cluster is the Envoy cluster of the module server, such as
	// "outbound|8081||wasmer.istio-system.svc.cluster.local".
	Cluster string
	// BaseURL is the module server's address for that cluster, such as
	// "http://wasmer.istio-system.svc.cluster.local:8081"; the path /wasm/<sha256> is added.
	BaseURL string
}

func (o Options) check() error {
	if o.Cluster == "" {
		return fmt.Errorf("the cluster of the module server is not set: set Options.Cluster to its Envoy cluster, such as outbound|8081||wasmer.istio-system.svc.cluster.local")
	}
	base, err := url.Parse(o.BaseURL)
	if err != nil || base.Host == "" || (base.Scheme != "http" && base.Scheme != "https") {
		return fmt.Errorf("the base URL of the module server is %q: set Options.BaseURL to an absolute http or https URL, such as http://wasmer.istio-system.svc.cluster.local:8081", o.BaseURL)
	}
	return nil
}

// DefaultTimeout of one load is time enough for the largest module over a slow network.
const DefaultTimeout = 30 * time.Second

const (
	// openTimeout and openRetries bound how long a filter that fails open keeps a proxy that starts from being ready:
	// 21 seconds at worst, and one or two when nothing answers at the module server's address. The controller asks
	// again for the proxies that gave up.
	openTimeout = 10 * time.Second
	openRetries = 1
	// endlessRetries is some months. A filter that fails closed has nothing to gain from giving up: until the module
	// comes, an updated proxy serves the old one, and one that starts says honestly that it is not ready.
	endlessRetries = 1_000_000
)

// loading returns the timeout of one load under a failure policy, and after how many retries Envoy gives up for good.
func loading(policy v1alpha1.FailurePolicy) (timeout time.Duration, retries uint32) {
	if policy == v1alpha1.FailOpen {
		return openTimeout, openRetries
	}
	return DefaultTimeout, endlessRetries
}
