package fill

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/autowasm/autowasm/fetch/module"
	"github.com/autowasm/autowasm/fetch/serve"
)

const (
	// sightingsTimeout is how long another replica may take to say whom it saw.
	sightingsTimeout = time.Second
	// maxSightings bounds the clients of one module, and maxSightingsBytes what a
	// replica may say of them.
	maxSightings      = 20_000
	maxSightingsBytes = 4 << 20
)

// Sightings knows which clients all replicas have served. Its methods may be called
// concurrently.
type Sightings struct {
	// Own returns what this replica has seen of a module. Required.
	Own func(sha256 string) map[string]serve.Sighting
	// Siblings finds the other replicas; nil means that there are none.
	Siblings Siblings

	once   sync.Once
	client *http.Client
}

// http is made when it is first needed.
func (s *Sightings) http() *http.Client {
	s.once.Do(func() { s.client = newReplicaClient() })
	return s.client
}

// Proxies returns who asked any replica for a module within the last day, by IP
// address, with the latest times. A replica that does not answer within a second is
// left out. An error means that the other replicas could not be found; what this one
// has seen is returned all the same.
func (s *Sightings) Proxies(ctx context.Context, sha256 string) (map[string]serve.Sighting, error) {
	all := s.Own(sha256)
	if all == nil {
		all = map[string]serve.Sighting{}
	}
	if s.Siblings == nil || !module.IsSHA256(sha256) {
		return all, nil
	}
	urls, err := s.Siblings(ctx)
	if err != nil {
		return all, fmt.Errorf("ask who loaded module %s: %w", sha256, err)
	}
	for _, seen := range s.askAll(ctx, urls[:min(len(urls), maxSiblings)], sha256) {
		merge(all, seen)
	}
	return all, nil
}

// askAll asks replicas at once. One that does not say leaves nothing.
func (s *Sightings) askAll(ctx context.Context, urls []string, sha256 string) []map[string]serve.Sighting {
	ctx, cancel := context.WithTimeout(ctx, sightingsTimeout)
	defer cancel()
	found := make([]map[string]serve.Sighting, len(urls))
	var asking sync.WaitGroup
	for i, url := range urls {
		asking.Go(func() {
			seen, err := s.ask(ctx, url, sha256)
			if err != nil {
				log.FromContext(ctx).V(1).Info("another replica does not say who loaded a module", "replica", url, "sha256", sha256, "error", err.Error())
				return
			}
			found[i] = seen
		})
	}
	asking.Wait()
	return found
}

func (s *Sightings) ask(ctx context.Context, base, sha256 string) (map[string]serve.Sighting, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, base+serve.ModulePath+sha256+serve.ProxiesSuffix, http.NoBody)
	if err != nil {
		return nil, err
	}
	request.Header.Set(serve.SiblingHeader, "1")
	response, err := s.http().Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close() //nolint:errcheck // only read
	if response.StatusCode != http.StatusOK {
		return nil, refused(response)
	}
	var seen map[string]serve.Sighting
	if err := json.NewDecoder(io.LimitReader(response.Body, maxSightingsBytes)).Decode(&seen); err != nil {
		return nil, fmt.Errorf("read who loaded module %s: %w", sha256, err)
	}
	return seen, nil
}

// merge adds what another replica saw: the latest times count.
func merge(all, seen map[string]serve.Sighting) {
	for client, other := range seen {
		mine, known := all[client]
		if _, err := netip.ParseAddr(client); err != nil || (!known && len(all) >= maxSightings) {
			continue
		}
		all[client] = serve.Sighting{Asked: later(mine.Asked, other.Asked), Served: later(mine.Served, other.Served)}
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
