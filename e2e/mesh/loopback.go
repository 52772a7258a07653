// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// addressAttempts is how many addresses are tried before giving up.
const addressAttempts = 20

// address returns a loopback address for a part of the mesh that has these ports: a free one where somebody is to listen.
func (m *Mesh) address(ports ...int) (string, error) {
	if m.options.WithoutProxies {
		return anyAddress(), nil
	}
	return freeAddress(ports...)
}

// anyAddress is not in 127.0, which everybody uses, and neither the first nor the last of a network.
func anyAddress() string {
	return net.IPv4(127, byte(64+rand.IntN(64)), byte(rand.IntN(256)), byte(1+rand.IntN(254))).String()
}

// freeAddress returns a loopback address on which the given ports were free a moment ago, so that workloads of any
// number of meshes have the ports that they would have in a cluster.
func freeAddress(ports ...int) (string, error) {
	var last error
	for range addressAttempts {
		address := anyAddress()
		if last = portsAreFree(address, ports); last == nil {
			return address, nil
		}
	}
	return "", fmt.Errorf("choose a loopback address with ports %v free: %w", ports, last)
}

func portsAreFree(address string, ports []int) (err error) {
	for _, port := range ports {
		l, listenErr := net.Listen("tcp4", at(address, port))
		if listenErr != nil {
			return listenErr
		}
		defer func() { err = errors.Join(err, l.Close()) }()
	}
	return nil
}

// at is an address with a port.
func at(address string, port int) string { return net.JoinHostPort(address, strconv.Itoa(port)) }
