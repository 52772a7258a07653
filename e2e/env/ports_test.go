// SPDX-License-Identifier: Apache-2.0

package env

import (
	"net"
	"slices"
	"testing"
)

func TestFreePorts(t *testing.T) {
	ports, err := freePorts(20)
	if err != nil {
		t.Fatal(err)
	}
	if distinct := slices.Compact(slices.Sorted(slices.Values(ports))); len(distinct) != 20 {
		t.Errorf("20 ports are %v", distinct)
	}
	for _, port := range ports {
		if port < firstPort || port > lastPort {
			t.Errorf("port %d is not between %d and %d", port, firstPort, lastPort)
		}
		l, err := net.Listen("tcp4", address(port))
		if err != nil {
			t.Errorf("port %d is not free: %v", port, err)
			continue
		}
		l.Close()
	}
}

// TestClaims: two processes have no port in common, and one gives each of its ports once before any twice.
func TestClaims(t *testing.T) {
	dir := t.TempDir()
	blocks := (lastPort - firstPort + 1) / blockSize
	one, two := &portBlocks{dir: dir}, &portBlocks{dir: dir}
	t.Cleanup(func() {
		for _, release := range slices.Concat(one.releases, two.releases) {
			release()
		}
	})
	seen := map[int]int{}
	take := func(b *portBlocks, n int) {
		for range n {
			port, err := b.next()
			if err != nil {
				t.Fatal(err)
			}
			seen[port]++
		}
	}
	take(one, blockSize+1)
	take(two, (blocks-2)*blockSize)
	take(one, blockSize-1)
	for port := firstPort; port <= lastPort; port++ {
		if seen[port] != 1 {
			t.Fatalf("port %d was given %d times", port, seen[port])
		}
	}
	take(one, 2*blockSize)
	if port := one.first[1]; seen[port] != 2 {
		t.Errorf("port %d was given %d times, want again", port, seen[port])
	}
	if _, err := (&portBlocks{dir: dir}).next(); err == nil {
		t.Error("a third process has a port")
	}
}

func TestAddress(t *testing.T) {
	if got := address(8081); got != "127.0.0.1:8081" {
		t.Errorf("address(8081) = %s", got)
	}
}
