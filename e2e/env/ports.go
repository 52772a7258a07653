package env

import (
	"fmt"
	"net"
	"strconv"
)

// loopback is the address that everything listens on.
const loopback = "127.0.0.1"

// freePorts returns n different TCP ports that were free on the loopback address a moment ago. Somebody else can
// take one before it is used: who uses them has to try again (see launch).
func freePorts(n int) ([]int, error) {
	ports := make([]int, 0, n)
	for range n {
		// Kept open until all are chosen, or the same one could be chosen twice.
		l, err := net.Listen("tcp4", address(0))
		if err != nil {
			return nil, fmt.Errorf("choose a free port: %w", err)
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}

// address is the loopback address at a port.
func address(port int) string { return net.JoinHostPort(loopback, strconv.Itoa(port)) }
