package env

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// loopback is the address that everything listens on.
const loopback = "127.0.0.1"

// The ports to choose from. Linux gives connections local ports from 32768 on, so that no client of a part that is away
// for a moment takes the port to which the part is to come back; from 30000 on clusters have node ports.
const (
	firstPort = 20000
	lastPort  = 29999
)

// portAttempts is how many ports in a row may be taken before none is taken to be free.
const portAttempts = 100

// freePorts returns n different TCP ports that were free on the loopback address a moment ago. Another process can
// take one before it is used: who uses them has to try again (see launch).
func freePorts(n int) ([]int, error) {
	ports := make([]int, 0, n)
	for range n {
		// Kept open until all are chosen, or the same one could be chosen twice.
		l, err := ListenFree()
		if err != nil {
			return nil, err
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}

// ListenFree listens on the loopback address at a free port, at which one can listen again later.
func ListenFree() (net.Listener, error) {
	var errs []error
	for range portAttempts {
		l, err := net.Listen("tcp4", address(firstPort+rand.IntN(lastPort-firstPort+1)))
		if err == nil {
			return l, nil
		}
		errs = append(errs, err)
	}
	return nil, fmt.Errorf("choose a free port: %w", errors.Join(errs...))
}

// address is the loopback address at a port.
func address(port int) string { return net.JoinHostPort(loopback, strconv.Itoa(port)) }
