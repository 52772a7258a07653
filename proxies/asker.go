package proxies

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"time"

	"github.com/autowasm/autowasm/internal/egress"
)

// Defaults of Options.
const (
	DefaultPort          = 15090
	DefaultTimeout       = 2 * time.Second
	DefaultMaxConcurrent = 32
)

// statsPath is where Envoy shows its statistics; the filter, which it looks for in
// their dotted names, leaves out what nobody here wants to know.
var statsPath = "/stats/prometheus?filter=" + url.QueryEscape(
	`^wasm\.(.*\.)?(vm_reload(_backoff|_failure|_success)?|active|remote_load_fetch_(failures|successes))$`+
		`|^listener_manager\.(lds\.update_rejected|total_(listeners_(warming|draining)|filter_chains_draining))$|^server\.(concurrency|state)$`)

// Options are what an Asker works with.
type Options struct {
	// Port is where proxies show their statistics. 0 means DefaultPort, Istio's.
	Port int
	// Timeout bounds one question, without the wait for its turn. 0 means
	// DefaultTimeout.
	Timeout time.Duration
	// Guard says which addresses may be asked. Its AllowHosts, which name sources of
	// modules, do not count here.
	Guard egress.Options
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// MaxConcurrent is how many proxies are asked at once. 0 means
	// DefaultMaxConcurrent.
	MaxConcurrent int
}

// Asker asks proxies what they run. Its methods may be called concurrently.
type Asker struct {
	o       Options
	client  *http.Client
	answers *answers[Report]
	turns   chan struct{}
}

// NewAsker makes an Asker.
func NewAsker(o Options) *Asker {
	if o.Port == 0 {
		o.Port = DefaultPort
	}
	if o.Timeout <= 0 {
		o.Timeout = DefaultTimeout
	}
	if o.MaxConcurrent <= 0 {
		o.MaxConcurrent = DefaultMaxConcurrent
	}
	o.Guard.AllowHosts = nil
	client := egress.New(o.Guard).Client()
	client.CheckRedirect = refuseRedirect
	return &Asker{o: o, client: client, answers: newAnswers[Report](o.Now), turns: make(chan struct{}, o.MaxConcurrent)}
}

func refuseRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// Ask returns what the proxy of the pod with that IP address runs. An answer, or a
// failure, younger than maxAge is given again; 0 means that the proxy is asked. All
// who ask for the same proxy at once share one question. An error means that nothing
// is known of the proxy: it could not be reached or did not answer as a proxy does.
// The Report may be shared: do not change it.
func (a *Asker) Ask(ctx context.Context, ip string, maxAge time.Duration) (Report, error) {
	addr, err := netip.ParseAddr(ip)
	if err != nil || addr.Zone() != "" {
		return Report{}, fmt.Errorf("ask a proxy: %q is not the IP address of a pod", ip)
	}
	host := net.JoinHostPort(addr.Unmap().String(), strconv.Itoa(a.o.Port))
	report, err := a.answers.get(ctx, host, maxAge, func(ctx context.Context) (Report, error) { return a.inTurn(ctx, host) })
	if err != nil {
		return Report{}, fmt.Errorf("ask the proxy at %s: %w", host, err)
	}
	return report, nil
}

// inTurn asks when few enough others are being asked.
func (a *Asker) inTurn(ctx context.Context, host string) (Report, error) {
	select {
	case a.turns <- struct{}{}:
	case <-ctx.Done():
		return Report{}, ctx.Err()
	}
	defer func() { <-a.turns }()
	ctx, cancel := context.WithTimeout(ctx, a.o.Timeout)
	defer cancel()
	return a.ask(ctx, host)
}

func (a *Asker) ask(ctx context.Context, host string) (Report, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+host+statsPath, http.NoBody)
	if err != nil {
		return Report{}, err
	}
	request.Close = true // it is long until the next question
	response, err := a.client.Do(request)
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return Report{}, wrapped.Err // the URL is long, and its host is told
	}
	if err != nil {
		return Report{}, err
	}
	defer response.Body.Close() //nolint:errcheck // only read
	if response.StatusCode != http.StatusOK {
		return Report{}, fmt.Errorf("it answered %s", response.Status)
	}
	return Parse(response.Body)
}
