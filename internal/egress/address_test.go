// SPDX-License-Identifier: Apache-2.0

package egress

import (
	"net/netip"
	"testing"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/failure"
)

func TestCheckAddress(t *testing.T) {
	denied := []netip.Prefix{netip.MustParsePrefix("10.96.0.0/12"), netip.MustParsePrefix("2001:db8::/32")}
	tests := []struct {
		name    string
		addr    string
		options Options
		want    string // "" when allowed
	}{
		{"public", "93.184.216.34", Options{}, ""},
		{"public IPv6", "2606:2800:220:1::1", Options{}, ""},
		{"private 10/8", "10.1.2.3", Options{}, ""},
		{"private 172.16/12", "172.16.0.1", Options{}, ""},
		{"private 192.168/16", "192.168.1.1", Options{}, ""},
		{"carrier-grade NAT", "100.64.0.1", Options{}, ""},
		{"unique local", "fd12:3456::1", Options{}, ""},
		{"private, mapped", "::ffff:10.1.2.3", Options{}, ""},
		{"private behind NAT64", "64:ff9b::10.1.2.3", Options{}, ""},

		{"metadata service", "169.254.169.254", Options{AllowLoopback: true}, "a link-local address"},
		{"EKS pod identity", "169.254.170.23", Options{}, "a link-local address"},
		{"link-local IPv6", "fe80::1", Options{}, "a link-local address"},
		{"link-local IPv6 with zone", "fe80::1%eth0", Options{}, "a link-local address"},
		{"Alibaba", "100.100.100.200", Options{}, "a cloud's metadata service"},
		{"Azure", "168.63.129.16", Options{}, "a cloud's metadata service"},
		{"Oracle", "192.0.0.192", Options{}, "a cloud's metadata service"},
		{"AWS IPv6", "fd00:ec2::254", Options{}, "a cloud's metadata service"},
		{"Google IPv6", "fd20:ce::254", Options{}, "a cloud's metadata service"},
		{"unspecified", "0.0.0.0", Options{}, "an unspecified address"},
		{"this network", "0.1.2.3", Options{}, "an unspecified address"},
		{"unspecified IPv6", "::", Options{}, "an unspecified address"},
		{"multicast", "224.0.0.1", Options{}, "a multicast address"},
		{"multicast IPv6", "ff02::1", Options{}, "a multicast address"},
		{"broadcast", "255.255.255.255", Options{}, "the broadcast address"},

		{"loopback", "127.0.0.1", Options{}, "a loopback address"},
		{"loopback elsewhere", "127.9.9.9", Options{}, "a loopback address"},
		{"loopback IPv6", "::1", Options{}, "a loopback address"},
		{"loopback allowed", "127.0.0.1", Options{AllowLoopback: true}, ""},
		{"loopback IPv6 allowed", "::1", Options{AllowLoopback: true}, ""},
		{"unspecified is not loopback", "::", Options{AllowLoopback: true}, "an unspecified address"},

		{"mapped", "::ffff:169.254.169.254", Options{}, "a link-local address"},
		{"translated", "::ffff:0:169.254.169.254", Options{}, "an address that a gateway translates"},
		{"compatible", "::169.254.169.254", Options{}, "a link-local address"},
		{"6to4", "2002:a9fe:a9fe::1", Options{}, "a link-local address"},
		{"6to4 loopback", "2002:7f00:1::1", Options{}, "a loopback address"},
		{"NAT64", "64:ff9b::169.254.169.254", Options{}, "a link-local address"},
		{"NAT64 Alibaba", "64:ff9b::100.100.100.200", Options{}, "a cloud's metadata service"},
		{"local NAT64 /96", "64:ff9b:1::169.254.169.254", Options{}, "a link-local address"},
		{"local NAT64 /48", "64:ff9b:1:a9fe:a9:fe00::", Options{}, "a link-local address"},
		{"local NAT64 /56", "64:ff9b:1:00a9:fe:a9fe::", Options{}, "a link-local address"},
		{"local NAT64 /64", "64:ff9b:1:1:a9:fea9:fe00:0", Options{}, "a link-local address"},
		{"private behind a local NAT64 /96", "64:ff9b:1::10.1.2.3", Options{}, ""},
		{"private behind a local NAT64 /48", "64:ff9b:1:a01:2:300::", Options{}, ""},
		{"Teredo", "2001:0:4136:e378:8000:63bf:3fff:fdd2", Options{}, "an address that tunnels to another (Teredo)"},

		{"denied", "10.96.0.1", Options{DenyCIDRs: denied}, "in the denied range 10.96.0.0/12"},
		{"denied, mapped", "::ffff:10.96.0.1", Options{DenyCIDRs: denied}, "in the denied range 10.96.0.0/12"},
		{"denied, NAT64", "64:ff9b::10.96.0.1", Options{DenyCIDRs: denied}, "in the denied range 10.96.0.0/12"},
		{"denied IPv6", "2001:db8::1", Options{DenyCIDRs: denied}, "in the denied range 2001:db8::/32"},
		{"beside the denied", "10.1.0.1", Options{DenyCIDRs: denied}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			addr := netip.MustParseAddr(tt.addr)
			err := tt.options.checkAddress(addr)
			if tt.want == "" {
				if err != nil {
					t.Errorf("refused: %v", err)
				}
				return
			}
			if err == nil {
				t.Fatalf("allowed, want it refused as %s", tt.want)
			}
			want := "address " + addr.WithZone("").Unmap().String() + " refused: it is " + tt.want
			if f := failure.Of(err); f.Reason != v1alpha1.ReasonAddressRefused || !f.Terminal || f.Error() != want {
				t.Errorf("got %s %q (terminal %v), want %s %q", f.Reason, f, f.Terminal, v1alpha1.ReasonAddressRefused, want)
			}
		})
	}
}

func TestHostsMatch(t *testing.T) {
	tests := []struct {
		pattern, host string
		want          bool
	}{
		{"reg.example", "reg.example", true},
		{"reg.example", "reg.example:443", true},
		{"reg.example", "REG.Example.", true},
		{"reg.example", "xreg.example", false},
		{"reg.example", "reg.example.evil", false},
		{"reg.example:5000", "reg.example:5000", true},
		{"reg.example:5000", "reg.example", false},
		{"reg.example:5000", "reg.example:5001", false},
		{"*.example", "reg.example", true},
		{"*.example", "a.reg.example:443", true},
		{"*.example", "example", false},
		{"*.example", ".example", false},
		{"*.example", "regexample", false},
		{"*.example:5000", "reg.example:5000", true},
		{"*.example:5000", "reg.example:443", false},
		{"*example", "reg.example", false},
		{"*", "reg.example", false},
		{"::1", "[::1]:5000", true},
		{"[::1]:5000", "[::1]:5000", true},
		{"10.0.0.1", "10.0.0.1:5000", true},
		{"", "reg.example", false},
	}
	for _, tt := range tests {
		if got := (Hosts{"other.test", tt.pattern}).Match(tt.host); got != tt.want {
			t.Errorf("%q matches %q = %v, want %v", tt.pattern, tt.host, got, tt.want)
		}
	}
}
