// SPDX-License-Identifier: Apache-2.0

package proxies

import (
	"cmp"
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

// Defaults of ScraperOptions.
const (
	DefaultPort    = 15090
	DefaultTimeout = 2 * time.Second
)

// statsPath is where Envoy shows its statistics. The filter, on their dotted names, selects what Parse understands.
var statsPath = "/stats/prometheus?filter=" + url.QueryEscape(
	`^wasm\.(.*\.)?(vm_reload(_backoff|_failure|_success)?|active|created|wasm_vm_count|remote_load_fetch_(failures|successes))$`+
		`|^listener_manager\.(lds\.update_rejected|total_(listeners_(warming|draining)|filter_chains_draining))$|^server\.(concurrency|state)$`)

// ScraperOptions are what a StatsScraper works with.
type ScraperOptions struct {
	// Port is where proxies show their statistics. 0 means DefaultPort, Istio's.
	Port int
	// Timeout bounds one scrape. 0 means DefaultTimeout.
	Timeout time.Duration
	// Guard says which addresses may be scraped. Its AllowHosts, which are sources of modules, do not count.
	Guard egress.Options
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// StatsScraper scrapes the statistics of proxies. It may be used concurrently.
type StatsScraper struct {
	port    int
	timeout time.Duration
	client  *http.Client
	now     func() time.Time
	reports *cache[Report]
}

// NewScraper makes a StatsScraper.
func NewScraper(o ScraperOptions) *StatsScraper {
	o.Guard.AllowHosts = nil
	client := egress.New(o.Guard).Client()
	client.CheckRedirect = refuseRedirect
	if o.Now == nil {
		o.Now = time.Now
	}
	return &StatsScraper{
		port: cmp.Or(o.Port, DefaultPort), timeout: cmp.Or(o.Timeout, DefaultTimeout),
		client: client, now: o.Now, reports: newCache(o.Now, Report.size),
	}
}

func refuseRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// Scrape returns what the proxy of the pod with that IP address runs. A report, or a failure, younger than maxAge is
// returned again. Those who want the same proxy at once share one scrape: do not change the Report. After an error,
// nothing is known of the proxy: it could not be reached or did not answer as a proxy does.
func (s *StatsScraper) Scrape(ctx context.Context, ip string, maxAge time.Duration) (Report, error) {
	addr, err := netip.ParseAddr(ip)
	if err != nil || addr.Zone() != "" {
		return Report{}, fmt.Errorf("ask a proxy: %q is not the IP address of a pod", ip)
	}
	host := net.JoinHostPort(addr.Unmap().String(), strconv.Itoa(s.port))
	report, err := s.reports.get(ctx, host, maxAge, func(ctx context.Context) (Report, error) { return s.scrape(ctx, host) })
	if err != nil {
		return Report{}, fmt.Errorf("ask the proxy at %s: %w", host, err)
	}
	return report, nil
}

func (s *StatsScraper) scrape(ctx context.Context, host string) (Report, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+host+statsPath, http.NoBody)
	if err != nil {
		return Report{}, err
	}
	request.Close = true // it is long until the next scrape
	response, err := s.client.Do(request)
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return Report{}, wrapped.Err // the URL is long, and Scrape names its host
	}
	if err != nil {
		return Report{}, err
	}
	defer response.Body.Close() //nolint:errcheck // only read
	if response.StatusCode != http.StatusOK {
		return Report{}, fmt.Errorf("it answered %d %s", response.StatusCode, http.StatusText(response.StatusCode))
	}
	report, err := Parse(response.Body)
	report.At = s.now()
	return report, err
}
