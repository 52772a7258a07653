package proxies

import (
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

// Defaults of ControlOptions.
const (
	DefaultControlTimeout = 5 * time.Second
	DefaultControlMaxAge  = 5 * time.Second
)

const (
	// syncPath is where istiod says what its proxies were sent and took.
	syncPath = "/debug/syncz"
	// maxInstances bounds the replicas of istiod that are asked.
	maxInstances = 16
	// maxToken bounds a token, in bytes.
	maxToken = 64 << 10
)

// ControlOptions are what a Control works with.
type ControlOptions struct {
	// Instances returns the base URLs of all of istiod's replicas, such as
	// "http://10.0.0.9:15014": each knows the proxies that are connected to it. Required.
	Instances func(ctx context.Context) ([]string, error)
	// TokenFile holds the token by which istiod knows who asks, read at each question: a
	// service account's for istiod's audience, "istio-ca", that is of no use elsewhere.
	// istiod answers those of its own namespace alone. Empty means that none is sent.
	TokenFile string
	// Transport sends the requests; nil means one without a proxy.
	Transport http.RoundTripper
	// Timeout bounds one question to all instances. 0 means DefaultControlTimeout.
	Timeout time.Duration
	// MaxAge is how long an answer is given again. 0 means DefaultControlMaxAge.
	MaxAge time.Duration
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Control asks istiod what proxies have refused. Its methods may be called
// concurrently.
type Control struct {
	o       ControlOptions
	client  *http.Client
	answers *answers[map[string]string]
}

// NewControl makes a Control.
func NewControl(o ControlOptions) *Control {
	if o.Timeout <= 0 {
		o.Timeout = DefaultControlTimeout
	}
	if o.MaxAge <= 0 {
		o.MaxAge = DefaultControlMaxAge
	}
	if o.Transport == nil {
		o.Transport = controlTransport()
	}
	return &Control{
		o:       o,
		client:  &http.Client{Transport: o.Transport, CheckRedirect: refuseRedirect},
		answers: newAnswers[map[string]string](o.Now),
	}
}

// controlTransport uses no proxy, and keeps no connections: istiod's replicas come and
// go. Requests have their contexts' deadlines.
func controlTransport() *http.Transport {
	return &http.Transport{MaxResponseHeaderBytes: 64 << 10, DisableKeepAlives: true}
}

// Refusals returns each proxy that istiod knows, as "<namespace>/<pod>", with why it
// refused the listeners that it was last sent; "" when it did not. A proxy that is
// missing is not known. The map is shared: do not change it. An error says that an
// instance could not be asked; what the others said is there all the same.
func (c *Control) Refusals(ctx context.Context) (map[string]string, error) {
	return c.answers.get(ctx, "", c.o.MaxAge, c.ask)
}

func (c *Control) ask(ctx context.Context) (map[string]string, error) {
	ctx, cancel := context.WithTimeout(ctx, c.o.Timeout)
	defer cancel()
	urls, err := c.o.Instances(ctx)
	if err != nil {
		return nil, fmt.Errorf("find istiod: %w", err)
	}
	if len(urls) == 0 {
		return nil, errors.New("find istiod: it has no replicas")
	}
	token, err := c.token()
	if err != nil {
		return nil, fmt.Errorf("ask istiod: %w", err)
	}
	return c.askAll(ctx, urls[:min(len(urls), maxInstances)], token)
}

// askAll asks all instances at once, so that one which hangs hides none of the others.
func (c *Control) askAll(ctx context.Context, urls []string, token string) (map[string]string, error) {
	found, failed := make([]refusals, len(urls)), make([]error, len(urls))
	var asking sync.WaitGroup
	for i, url := range urls {
		found[i] = refusals{}
		asking.Go(func() {
			if err := c.askOne(ctx, url, token, found[i]); err != nil {
				failed[i] = fmt.Errorf("ask istiod what proxies refused: %w", err)
			}
		})
	}
	asking.Wait()
	return words(found), errors.Join(failed...)
}

func (c *Control) token() (string, error) {
	if c.o.TokenFile == "" {
		return "", nil
	}
	file, err := os.Open(c.o.TokenFile)
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

func (c *Control) askOne(ctx context.Context, url, token string, found refusals) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(url, "/")+syncPath, http.NoBody)
	if err != nil {
		return err
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := c.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close() //nolint:errcheck // only read
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s", request.URL.Redacted(), response.Status)
	}
	if err := found.read(response.Body, maxSync); err != nil {
		return fmt.Errorf("read the answer of %s: %w", request.URL.Redacted(), err)
	}
	return nil
}
