package egress

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
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

// newTransport makes the transport whose every connection is checked. It has no
// proxy, and leaves bodies encoded as they are.
func newTransport(o *Options, insecure bool) *http.Transport {
	dialer := &net.Dialer{Timeout: dialTimeout, KeepAlive: keepAlive, Resolver: o.Resolver, ControlContext: o.control}
	return &http.Transport{
		DialContext:            dialer.DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.RootCAs, InsecureSkipVerify: insecure}, //nolint:gosec // only for hosts named so
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

// control is called with the resolved address of each connection before it is
// dialled.
func (o *Options) control(_ context.Context, _, address string, _ syscall.RawConn) error {
	target, err := netip.ParseAddrPort(address)
	if err != nil {
		return failure.Terminalf(v1alpha1.ReasonAddressRefused, "address %q refused: it is not an IP address", address)
	}
	return o.checkAddress(target.Addr())
}
