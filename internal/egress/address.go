// SPDX-License-Identifier: Apache-2.0

package egress

import (
	"net"
	"net/netip"
	"strings"
)

// refusedRange is a range of addresses that must not be reached through the server.
type refusedRange struct {
	prefix netip.Prefix
	what   string
}

// refusedRanges are refused whatever the options say. Azure's hands out a machine's configuration and certificates.
var refusedRanges = []refusedRange{
	{netip.MustParsePrefix("0.0.0.0/8"), "an unspecified address"},
	{netip.MustParsePrefix("::/128"), "an unspecified address"},
	{netip.MustParsePrefix("169.254.0.0/16"), "a link-local address"},
	{netip.MustParsePrefix("fe80::/10"), "a link-local address"},
	{netip.MustParsePrefix("224.0.0.0/4"), "a multicast address"},
	{netip.MustParsePrefix("ff00::/8"), "a multicast address"},
	{netip.MustParsePrefix("255.255.255.255/32"), "the broadcast address"},
	{netip.MustParsePrefix("100.100.100.200/32"), "a cloud's metadata service"},         // Alibaba
	{netip.MustParsePrefix("168.63.129.16/32"), "a cloud's metadata service"},           // Azure
	{netip.MustParsePrefix("192.0.0.192/32"), "a cloud's metadata service"},             // Oracle
	{netip.MustParsePrefix("fd00:ec2::/32"), "a cloud's metadata service"},              // AWS
	{netip.MustParsePrefix("fd20:ce::254/128"), "a cloud's metadata service"},           // Google
	{netip.MustParsePrefix("fd00:c1::a9fe:a9fe/128"), "a cloud's metadata service"},     // Oracle
	{netip.MustParsePrefix("fd00:42::42/128"), "a cloud's metadata service"},            // Scaleway
	{netip.MustParsePrefix("::ffff:0:0:0/96"), "an address that a gateway translates"},  // RFC 2765, never on the internet
	{netip.MustParsePrefix("2001::/32"), "an address that tunnels to another (Teredo)"}, // hides IPv4 addresses
}

// checkAddress refuses an address that must not be reached.
func (o *Options) checkAddress(addr netip.Addr) error {
	addr = addr.WithZone("").Unmap()
	for _, a := range append(embedded(addr), addr) {
		if what := o.refusal(a); what != "" {
			return refusedf("address %s refused: it is %s", addr, what)
		}
	}
	return nil
}

// refusal says what an address is that must not be reached; "" when it may be.
func (o *Options) refusal(addr netip.Addr) string {
	for _, r := range refusedRanges {
		if r.prefix.Contains(addr) {
			return r.what
		}
	}
	if addr.IsLoopback() && !o.AllowLoopback {
		return "a loopback address"
	}
	for _, prefix := range o.DenyCIDRs {
		if prefix.Contains(addr) {
			return "in the denied range " + prefix.String()
		}
	}
	return ""
}

var (
	ipv4Compatible = netip.MustParsePrefix("::/96")
	sixToFour      = netip.MustParsePrefix("2002::/16")
	nat64          = netip.MustParsePrefix("64:ff9b::/96")
	localNAT64     = netip.MustParsePrefix("64:ff9b:1::/48")
	ipv6Loopback   = netip.IPv6Loopback()
)

// embedded returns the IPv4 addresses to which a gateway may translate an IPv6 address.
func embedded(addr netip.Addr) []netip.Addr {
	if !addr.Is6() || addr == ipv6Loopback || addr.IsUnspecified() {
		return nil
	}
	b := addr.As16()
	last := netip.AddrFrom4([4]byte(b[12:]))
	switch {
	case sixToFour.Contains(addr):
		return []netip.Addr{netip.AddrFrom4([4]byte(b[2:6]))}
	case ipv4Compatible.Contains(addr), nat64.Contains(addr):
		return []netip.Addr{last}
	case localNAT64.Contains(addr):
		return localCandidates(b)
	}
	return nil
}

// localCandidates returns what a local NAT64 prefix may embed: the operator chooses its length, and RFC 6052 the
// place of the address after that. A reading that begins with 0 is padding.
func localCandidates(b [16]byte) []netip.Addr {
	var found []netip.Addr
	for _, at := range [][4]int{{6, 7, 9, 10}, {7, 9, 10, 11}, {9, 10, 11, 12}, {12, 13, 14, 15}} {
		if b[at[0]] != 0 {
			found = append(found, netip.AddrFrom4([4]byte{b[at[0]], b[at[1]], b[at[2]], b[at[3]]}))
		}
	}
	return found
}

// Hosts is a list of host patterns: "reg.example" stands for the host on any port, "reg.example:5000" for that port
// only, and "*.example" for all hosts below example, not for itself. Case and a trailing dot do not matter.
type Hosts []string

// Match reports whether a pattern of the list stands for the host, given as in a URL, with or without its port.
func (h Hosts) Match(hostport string) bool {
	host, port := splitHost(hostport)
	for _, pattern := range h {
		wanted, wantedPort := splitHost(pattern)
		if wantedPort != "" && wantedPort != port {
			continue
		}
		if wanted == host || isBelow(host, wanted) {
			return true
		}
	}
	return false
}

func isBelow(host, pattern string) bool {
	suffix, wildcard := strings.CutPrefix(pattern, "*")
	return wildcard && strings.HasPrefix(suffix, ".") && len(host) > len(suffix) && strings.HasSuffix(host, suffix)
}

// splitHost returns the host in its canonical form and its port, if any.
func splitHost(hostport string) (host, port string) {
	host, port, err := net.SplitHostPort(hostport)
	if err != nil {
		host, port = hostport, ""
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	return strings.ToLower(strings.TrimSuffix(host, ".")), port
}
