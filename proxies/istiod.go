package proxies

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

// DefaultIstiodTimeout is the default of IstiodOptions.Timeout.
const DefaultIstiodTimeout = 5 * time.Second

const (
	// rejectionsMaxAge is how long rejections are returned again.
	rejectionsMaxAge = 5 * time.Second
	// syncPath is where istiod shows what its proxies were sent and accepted.
	syncPath = "/debug/syncz"
	// maxInstances bounds the replicas of istiod that are called.
	maxInstances = 16
	// maxToken bounds a token, in bytes.
	maxToken = 64 << 10
)

// IstiodOptions are what an Istiod works with.
type IstiodOptions struct {
	// Instances returns the base URLs of all of istiod's replicas, such as "http://10.0.0.9:15014": each knows the
	// proxies that are connected to it. Required.
	Instances func(ctx context.Context) ([]string, error)
	// TokenFile holds the token by which istiod authenticates wasmer, read at each call: a service account's for
	// istiod's audience, "istio-ca", that is of no use elsewhere. istiod serves its own namespace alone. "" sends none.
	TokenFile string
	// Timeout bounds one call of all instances. 0 means DefaultIstiodTimeout.
	Timeout time.Duration
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Istiod reads from istiod's sync status which listeners proxies have rejected, and of which version they are. It may be used concurrently.
type Istiod struct {
	o       IstiodOptions
	client  *http.Client
	results *cache[syncResult]
}

// NewIstiod makes an Istiod.
func NewIstiod(o IstiodOptions) *Istiod {
	o.Timeout = cmp.Or(o.Timeout, DefaultIstiodTimeout)
	return &Istiod{
		o: o,
		client: &http.Client{
			// No proxy, and no connections that are kept: istiod's replicas come and go.
			Transport:     &http.Transport{MaxResponseHeaderBytes: 64 << 10, DisableKeepAlives: true},
			CheckRedirect: refuseRedirect,
		},
		results: newCache(o.Now, func(syncResult) int { return 0 }),
	}
}

// Rejections returns each proxy that istiod knows, as "<namespace>/<pod>", with why it rejected the listeners that it
// was last sent; "" when it did not. A proxy that is missing is not known. The map is shared: do not change it. An
// error says that an instance could not be called; what the others returned is there all the same.
func (i *Istiod) Rejections(ctx context.Context) (map[string]string, error) {
	result, err := i.results.get(ctx, "", rejectionsMaxAge, i.fetch)
	return result.rejections, err
}

// Versions returns each proxy that istiod knows, as "<namespace>/<pod>", with the version of Istio that it says it is, such
// as 1.31.1; "" when it says none. For the map and an error the same holds as for Rejections.
func (i *Istiod) Versions(ctx context.Context) (map[string]string, error) {
	result, err := i.results.get(ctx, "", rejectionsMaxAge, i.fetch)
	return result.versions, err
}

func (i *Istiod) fetch(ctx context.Context) (syncResult, error) {
	ctx, cancel := context.WithTimeout(ctx, i.o.Timeout)
	defer cancel()
	urls, err := i.o.Instances(ctx)
	if err != nil {
		return syncResult{}, fmt.Errorf("find istiod: %w", err)
	}
	if len(urls) == 0 {
		return syncResult{}, errors.New("find istiod: it has no replicas")
	}
	token, err := i.token()
	if err != nil {
		return syncResult{}, fmt.Errorf("call istiod: %w", err)
	}
	return i.fetchAll(ctx, urls[:min(len(urls), maxInstances)], token)
}

// fetchAll calls all instances at once, so that one which hangs hides none of the others.
func (i *Istiod) fetchAll(ctx context.Context, urls []string, token string) (syncResult, error) {
	found, failed := make([]syncStatus, len(urls)), make([]error, len(urls))
	var calls sync.WaitGroup
	for n, url := range urls {
		found[n] = syncStatus{}
		calls.Go(func() {
			if err := i.fetchOne(ctx, url, token, found[n]); err != nil {
				failed[n] = fmt.Errorf("read istiod's sync status: %w", err)
			}
		})
	}
	calls.Wait()
	return merge(found), errors.Join(failed...)
}

func (i *Istiod) token() (string, error) {
	if i.o.TokenFile == "" {
		return "", nil
	}
	file, err := os.Open(i.o.TokenFile)
	if err != nil {
		return "", fmt.Errorf("open the token: %w", err)
	}
	defer file.Close() //nolint:errcheck // only read
	token, err := io.ReadAll(io.LimitReader(file, maxToken))
	if err != nil {
		return "", fmt.Errorf("read the token: %w", err)
	}
	return strings.TrimSpace(string(token)), nil
}

func (i *Istiod) fetchOne(ctx context.Context, url, token string, into syncStatus) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(url, "/")+syncPath, http.NoBody)
	if err != nil {
		return err
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := i.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close() //nolint:errcheck // only read
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s", request.URL.Redacted(), response.Status)
	}
	if err := into.read(response.Body, maxSync); err != nil {
		return fmt.Errorf("read the answer of %s: %w", request.URL.Redacted(), err)
	}
	return nil
}
