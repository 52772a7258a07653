// SPDX-License-Identifier: Apache-2.0

package main

import "testing"

func TestHostIPs(t *testing.T) {
	if got := hostIPs("127.0.0.1"); len(got) != 1 || got[0].String() != "127.0.0.1" {
		t.Errorf("hostIPs = %v", got)
	}
	if got := hostIPs(""); got != nil {
		t.Errorf("hostIPs of all addresses = %v", got)
	}
}
