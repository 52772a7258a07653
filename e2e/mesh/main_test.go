// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"context"
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/autowasm/autowasm/e2e/suite"
)

var (
	cluster *suite.Cluster
	mesh    *Mesh
)

// atOnce is how many of the tests that are parallel run at the same time: these wait for clocks, not for processors.
const atOnce = "24"

func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", atOnce); err != nil { // the command line's comes later, and counts
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	// What becomes of modules that fail is for the proxies to show; the trial of them only warns.
	os.Exit(suite.Main(meshed{m}, &cluster, append(WasmerFlags(), "--module-trial=Warn")...))
}

// freshConnections has the gateway send each request to details on a connection of its own. One that it keeps goes on to a
// listener that drains, with the filter of an earlier test, and may be used as long as that is there.
const freshConnections = `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: fresh-connections, namespace: ` + namespace + `}
spec:
  host: details.` + namespace + `.svc.cluster.local
  trafficPolicy: {connectionPool: {http: {maxRequestsPerConnection: 1}}}
`

// meshed runs a package's tests with a mesh on the environment.
type meshed struct{ *testing.M }

func (m meshed) Run() int {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Minute) // a first build takes long
	defer cancel()
	var err error
	if mesh, err = Start(ctx, cluster.Environment, Options{}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if _, err := cluster.KubectlInput(ctx, freshConnections, "apply", "-f", "-"); err != nil {
		fmt.Fprintln(os.Stderr, "have the gateway keep no connections:", err)
		return 1
	}
	code := m.M.Run()
	if err := mesh.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, "stop the mesh:", err)
		return 1
	}
	return code
}
