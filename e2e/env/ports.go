// SPDX-License-Identifier: Apache-2.0

package env

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/autowasm/autowasm/internal/filelock"
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

// freePorts returns n different TCP ports that were free on the loopback address a moment ago. A process of somebody
// else's can take one before it is used: who uses them has to try again (see launch).
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
		port, err := claimed.next()
		if err != nil {
			return nil, fmt.Errorf("choose a free port: %w", err)
		}
		l, err := net.Listen("tcp4", address(port))
		if err == nil {
			return l, nil
		}
		errs = append(errs, err)
	}
	return nil, fmt.Errorf("choose a free port: %w", errors.Join(errs...))
}

// claimed are the ports of this process's environments. Those of another process, whose tests run at the same time, are
// others: they do not take the port of a part that is away for a moment, and that is to come back to it.
var claimed = &portBlocks{dir: filepath.Join(os.TempDir(), fmt.Sprintf("autowasm-ports-%d", os.Getuid()))}

// blockSize is how many ports are claimed at a time.
const blockSize = 250

// portBlocks are blocks of ports that one process has claimed by a lock on a file of each, for as long as it lives. No port
// is given twice before all are.
type portBlocks struct {
	dir string

	mu       sync.Mutex
	first    []int // the first port of each block, in the order of the claims
	releases []func()
	given    int // since the first of all
}

// next returns the next port, of another block when those of the present ones are used up.
func (b *portBlocks) next() (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.given == len(b.first)*blockSize {
		if err := b.claim(); err != nil {
			return 0, err
		}
	}
	port := b.first[b.given/blockSize] + b.given%blockSize
	b.given++
	return port, nil
}

// claim claims one more block. When there is none, it begins again with those that there are.
func (b *portBlocks) claim() error {
	for _, block := range rand.Perm((lastPort - firstPort + 1) / blockSize) {
		first := firstPort + block*blockSize
		release, ok, err := filelock.TryAcquire(filepath.Join(b.dir, strconv.Itoa(first)))
		if err != nil {
			return err
		}
		if ok {
			b.first, b.releases = append(b.first, first), append(b.releases, release)
			return nil
		}
	}
	if len(b.first) == 0 {
		return errors.New("other environments have claimed them all: stop some")
	}
	b.given = 0
	return nil
}

// address is the loopback address at a port.
func address(port int) string { return net.JoinHostPort(loopback, strconv.Itoa(port)) }
