package egress

import (
	"crypto/x509"
	"net"
	"net/netip"
)

// Options say what may be reached, and how. The zero value is the strictest that
// still reaches the internet and private networks.
type Options struct {
	// AllowLoopback allows 127.0.0.0/8 and ::1, for development and tests.
	AllowLoopback bool
	// DenyCIDRs are refused besides what always is.
	DenyCIDRs []netip.Prefix
	// AllowHosts are the only hosts that may be asked, on every hop. Empty allows
	// all.
	AllowHosts Hosts
	// RootCAs verify the servers' certificates; nil means the system's.
	RootCAs *x509.CertPool
	// InsecureHosts are the hosts whose certificates are not verified.
	InsecureHosts Hosts
	// Resolver looks host names up; nil means the system's.
	Resolver *net.Resolver
}
