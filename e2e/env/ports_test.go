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

func TestAddress(t *testing.T) {
	if got := address(8081); got != "127.0.0.1:8081" {
		t.Errorf("address(8081) = %s", got)
	}
}
