// SPDX-License-Identifier: Apache-2.0

package peer

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

const (
	// accessesTimeout is how long a peer may take to return its accesses.
	accessesTimeout = time.Second
	// maxAccesses bounds the clients of one module, and maxAccessesBytes what one peer may return.
	maxAccesses      = 20_000
	maxAccessesBytes = 4 << 20
)

// Accesses knows which clients all replicas have served. Its methods may be called concurrently.
type Accesses struct {
	own     func(sha256 string) map[string]Access
	client  *Client       // of its own: it does not wait behind modules for a connection
	timeout time.Duration // how long a peer may take to return its accesses
}

// NewAccesses makes Accesses of what this replica and its peers have observed. find may be nil: there are no peers.
func NewAccesses(own func(sha256 string) map[string]Access, find Find) *Accesses {
	return &Accesses{own: own, client: NewClient(find), timeout: accessesTimeout}
}

// Collect returns which clients requested a module from any replica within the last day, by IP address, with the
// latest times. A peer that does not answer within a second is left out. An error means that the peers could not be
// found; what this replica has observed is returned all the same.
func (a *Accesses) Collect(ctx context.Context, sha256 string) (map[string]Access, error) {
	all := a.own(sha256)
	if all == nil {
		all = map[string]Access{}
	}
	if !v1alpha1.IsSHA256(sha256) { // it becomes part of a URL
		return all, nil
	}
	urls, err := a.client.Peers(ctx)
	if err != nil {
		return all, fmt.Errorf("find the peers that served module %s: %w", sha256, err)
	}
	for _, observed := range a.ofPeers(ctx, urls, sha256) {
		merge(all, observed)
	}
	return all, nil
}

// ofPeers asks peers at once. One that fails leaves nothing.
func (a *Accesses) ofPeers(ctx context.Context, urls []string, sha256 string) []map[string]Access {
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	found := make([]map[string]Access, len(urls))
	var requests sync.WaitGroup
	for i, url := range urls {
		requests.Go(func() {
			var err error
			if found[i], err = a.client.accesses(ctx, url, sha256); err != nil {
				log.FromContext(ctx).V(1).Info("Cannot get the accesses of a module from a peer", "peer", url, "sha256", sha256, "err", err.Error())
			}
		})
	}
	requests.Wait()
	return found
}

// merge adds what a peer observed: the latest times count.
func merge(all, observed map[string]Access) {
	for client, other := range observed {
		mine, known := all[client]
		if _, err := netip.ParseAddr(client); err != nil || (!known && len(all) >= maxAccesses) {
			continue
		}
		all[client] = Access{
			RequestedAt: latest(mine.RequestedAt, other.RequestedAt),
			ServedAt:    latest(mine.ServedAt, other.ServedAt),
		}
	}
}
