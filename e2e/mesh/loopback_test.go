// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"net"
	"testing"
)

// TestAddress: an address is tried only where somebody is to listen on it.
func TestAddress(t *testing.T) {
	const none = -1 // a port on which nobody can listen
	for _, tc := range []struct {
		without bool
		port    int
		ok      bool
	}{{false, InboundPort, true}, {false, none, false}, {true, none, true}} {
		m := Mesh{options: Options{WithoutProxies: tc.without}}
		got, err := m.address(tc.port)
		if (err == nil) != tc.ok {
			t.Errorf("%+v: %v", tc, err)
		}
		if ip := net.ParseIP(got); tc.ok && !ip.IsLoopback() {
			t.Errorf("%+v: %q is not a loopback address", tc, got)
		}
	}
}
