// SPDX-License-Identifier: Apache-2.0

// Package ads asks a control plane what it would push to a proxy, without a proxy: it names itself as one, and
// returns the listeners and clusters.
//
//	node := ads.Sidecar("details-1", "default", "127.0.0.1", map[string]string{"app": "details"})
//	pushed, err := ads.Fetch(ctx, "127.0.0.1:15010", node)
//	…
//	chains, err := ads.HTTPFilters(pushed.Listener("127.0.0.1_9080"))
//
// A Node is also what a real proxy says of itself in its bootstrap, so that what is fetched here is what that proxy
// gets.
package ads
