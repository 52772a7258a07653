package fill

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/autowasm/autowasm/fetch/serve"
	"github.com/autowasm/autowasm/fetch/store"
	"github.com/autowasm/autowasm/internal/failure"
)

// maxSiblings bounds the replicas that are asked for one module.
const maxSiblings = 8

// connectTimeout is short: a replica is in the same cluster, or gone.
const connectTimeout = 2 * time.Second

// errLacking is a replica that does not have the module either.
var errLacking = errors.New("the replica does not have it")

// replica copies modules from other replicas.
type replica struct {
	store   *store.Store
	client  *http.Client
	timeout time.Duration
}

func newReplica(s *store.Store, timeout time.Duration) *replica {
	return &replica{store: s, timeout: timeout, client: newReplicaClient()}
}

// newReplicaClient makes a client that goes straight to a replica and nowhere else.
func newReplicaClient() *http.Client {
	transport := &http.Transport{
		DialContext:            (&net.Dialer{Timeout: connectTimeout}).DialContext, // never through a proxy
		ResponseHeaderTimeout:  connectTimeout,
		DisableCompression:     true,
		MaxResponseHeaderBytes: 16 << 10,
		MaxConnsPerHost:        4,
		IdleConnTimeout:        10 * time.Second,
	}
	refuse := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &http.Client{Transport: transport, CheckRedirect: refuse}
}

// copy streams a module from the replica at a base URL into the store, which
// checks its hash.
func (r *replica) copy(ctx context.Context, base, sha256 string) error {
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, base+serve.ModulePath+sha256, http.NoBody)
	if err != nil {
		return fmt.Errorf("get module %s from %s: %w", sha256, base, err)
	}
	request.Header.Set(serve.SiblingHeader, "1")
	response, err := r.client.Do(request)
	if err != nil {
		return fmt.Errorf("get module %s: %w", sha256, err)
	}
	defer response.Body.Close() //nolint:errcheck // only read
	if response.StatusCode != http.StatusOK {
		return refused(response)
	}
	if _, err := r.store.Put(ctx, response.Body, sha256); err != nil {
		return failure.Wrapf(err, "take module %s from %s", sha256, base)
	}
	return nil
}

// refused reads the little that a refusal has to say, so that the connection can
// be used again.
func refused(response *http.Response) error {
	_, _ = io.CopyN(io.Discard, response.Body, 1<<10)
	if response.StatusCode == http.StatusNotFound {
		return errLacking
	}
	return fmt.Errorf("the replica answered %s", response.Status)
}
