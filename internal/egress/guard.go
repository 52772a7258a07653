// SPDX-License-Identifier: Apache-2.0

package egress

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/failure"
)

// Limits of one exchange. Reading a body is bounded by the request's context.
const (
	dialTimeout            = 10 * time.Second
	tlsTimeout             = 10 * time.Second
	responseHeaderTimeout  = 30 * time.Second
	idleTimeout            = 90 * time.Second
	keepAlive              = 30 * time.Second
	maxResponseHeaderBytes = 64 << 10
	maxIdleConns           = 64
	maxIdleConnsPerHost    = 4
)

// Options say what may be reached, and how. The zero value allows the internet and private networks.
type Options struct {
	// AllowLoopback allows 127.0.0.0/8 and ::1, for development and tests.
	AllowLoopback bool
	// DenyCIDRs are refused besides what always is.
	DenyCIDRs []netip.Prefix
	// AllowHosts are the only hosts that may be requested, on every hop. Empty allows all.
	AllowHosts Hosts
	// RootCAs verify the servers' certificates; nil means the system's.
	RootCAs *x509.CertPool
	// InsecureHosts are the hosts whose certificates are not verified.
	InsecureHosts Hosts
	// Resolver resolves host names; nil means the system's.
	Resolver *net.Resolver
}

// Guard is an http.RoundTripper that reaches only what its Options allow. It is safe for concurrent use.
type Guard struct {
	o        Options
	verified *http.Transport
	insecure *http.Transport
}

var _ http.RoundTripper = (*Guard)(nil)

// New makes a Guard.
func New(o Options) *Guard {
	return &Guard{o: o, verified: newTransport(&o, false), insecure: newTransport(&o, true)}
}

// newTransport makes a transport whose every connection is checked. It has no proxy, and does not decode bodies.
func newTransport(o *Options, insecure bool) *http.Transport {
	dialer := &net.Dialer{Timeout: dialTimeout, KeepAlive: keepAlive, Resolver: o.Resolver, ControlContext: o.checkConnection}
	return &http.Transport{
		DialContext:            dialer.DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.RootCAs, InsecureSkipVerify: insecure}, //nolint:gosec // only for InsecureHosts
		TLSHandshakeTimeout:    tlsTimeout,
		ResponseHeaderTimeout:  responseHeaderTimeout,
		MaxResponseHeaderBytes: maxResponseHeaderBytes,
		IdleConnTimeout:        idleTimeout,
		MaxIdleConns:           maxIdleConns,
		MaxIdleConnsPerHost:    maxIdleConnsPerHost,
		DisableCompression:     true,
		ForceAttemptHTTP2:      true,
	}
}

// Client returns a client that sends every request through the guard. It has no timeout: give each request a context.
func (g *Guard) Client() *http.Client { return &http.Client{Transport: g} }

// CloseIdleConnections closes the connections that are kept for later requests.
func (g *Guard) CloseIdleConnections() {
	g.verified.CloseIdleConnections()
	g.insecure.CloseIdleConnections()
}

// RoundTrip sends one request, which may be a hop of a chain of redirects. A redirect's location or a challenge's realm
// in the response is checked at once, so that the refusal names it whichever client would have followed it.
func (g *Guard) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := g.checkRequest(req); err != nil {
		closeBody(req)
		return nil, err
	}
	resp, err := g.transport(req.URL).RoundTrip(withoutForwardedCredentials(req))
	if err != nil {
		return nil, err
	}
	if err := g.checkResponse(resp); err != nil {
		_ = resp.Body.Close()
		return nil, err
	}
	return resp, nil
}

func (g *Guard) checkRequest(req *http.Request) error {
	if err := checkRedirect(req); err != nil {
		return err
	}
	return g.CheckURL(req.URL)
}

// CheckURL refuses a URL that is not http or https, whose host is not on the allow-list, or whose host is an address
// that must not be reached. A host name is not resolved: its addresses are checked when it is dialled.
func (g *Guard) CheckURL(u *url.URL) error {
	if u.Scheme != "http" && u.Scheme != "https" {
		return refusedf("scheme %q of %s refused: only http and https are allowed", u.Scheme, u.Host)
	}
	if len(g.o.AllowHosts) > 0 && !g.o.AllowHosts.Match(hostport(u)) {
		return refusedf("host %s refused: it is not on the server's list of allowed hosts (--allow-hosts)", u.Hostname())
	}
	if addr, err := netip.ParseAddr(u.Hostname()); err == nil {
		return g.o.checkAddress(addr)
	}
	return nil
}

// checkConnection is called with the resolved address of each connection before it is dialled.
func (o *Options) checkConnection(_ context.Context, _, address string, _ syscall.RawConn) error {
	target, err := netip.ParseAddrPort(address)
	if err != nil {
		return refusedf("address %q refused: it is not an IP address", address)
	}
	return o.checkAddress(target.Addr())
}

func (g *Guard) transport(u *url.URL) *http.Transport {
	if g.o.InsecureHosts.Match(hostport(u)) {
		return g.insecure
	}
	return g.verified
}

// hostport is the host of a URL with its port, the scheme's default where it has none.
func hostport(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Host
	case u.Scheme == "http":
		return u.Host + ":80"
	default:
		return u.Host + ":443"
	}
}

// closeBody closes the body of a request that is not sent, as a RoundTripper must.
func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
}

func refusedf(format string, args ...any) error {
	return failure.Terminalf(v1alpha1.ReasonAddressRefused, format, args...)
}
