package egress

import (
	"net/http"
	"net/netip"
	"net/url"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/failure"
)

// Guard is an http.RoundTripper that reaches only what its Options allow. It may
// be used by several goroutines at once.
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

// Client returns a client that sends everything through the guard. It keeps no
// cookies and has no timeout of its own: give each request a context.
func (g *Guard) Client() *http.Client { return &http.Client{Transport: g} }

// CloseIdleConnections closes the connections that are kept for later requests.
func (g *Guard) CloseIdleConnections() {
	g.verified.CloseIdleConnections()
	g.insecure.CloseIdleConnections()
}

// RoundTrip sends one request, a hop of a chain of redirects perhaps. What the
// response points to, a redirect's location or a token challenge's realm, is
// checked at once: the refusal names it, whoever would have followed it.
func (g *Guard) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := g.checkRequest(req); err != nil {
		closeBody(req)
		return nil, err
	}
	resp, err := g.transport(req.URL).RoundTrip(forwardNothing(req))
	if err != nil {
		return nil, err
	}
	if err := g.checkPointers(resp); err != nil {
		_ = resp.Body.Close()
		return nil, err
	}
	return resp, nil
}

// CheckURL refuses a URL that is not http or https, whose host is not on the
// allow-list, or whose host is an address that must not be reached. A host name is
// not looked up: its addresses are checked when it is dialled.
func (g *Guard) CheckURL(u *url.URL) error {
	if u.Scheme != "http" && u.Scheme != "https" {
		return failure.Terminalf(v1alpha1.ReasonAddressRefused, "scheme %q of %s refused: only http and https are allowed", u.Scheme, u.Host)
	}
	if len(g.o.AllowHosts) > 0 && !g.o.AllowHosts.Match(hostport(u)) {
		return failure.Terminalf(v1alpha1.ReasonAddressRefused, "host %s refused: it is not on the server's list of allowed hosts (--allow-hosts)", u.Hostname())
	}
	if addr, err := netip.ParseAddr(u.Hostname()); err == nil {
		return g.o.checkAddress(addr)
	}
	return nil
}

func (g *Guard) checkRequest(req *http.Request) error {
	if err := checkHop(req); err != nil {
		return err
	}
	return g.CheckURL(req.URL)
}

func (g *Guard) transport(u *url.URL) *http.Transport {
	if g.o.InsecureHosts.Match(hostport(u)) {
		return g.insecure
	}
	return g.verified
}

// hostport is the host of a URL with its port, the scheme's own where it has none.
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

// closeBody does what a RoundTripper owes to a request that it does not send.
func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
}
