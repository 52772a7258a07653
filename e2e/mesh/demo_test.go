// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"bytes"
	"strings"
	"testing"

	"github.com/autowasm/autowasm/e2e/demo"
)

// TestDemo plays all of what the README promises, with the steps that ask the sidecar.
func TestDemo(t *testing.T) {
	t.Cleanup(func() { restartWasmer(t) })
	restartWasmer(t, "--module-trial=Enforce") // as it is by default
	pid := mesh.Sidecar.PID()
	var out bytes.Buffer
	play := &demo.Demo{
		Variables: append(mesh.Variables(), cluster.Variables()...), Checkout: cluster.Checkout, Out: &out,
	}
	if err := play.Run(t.Context()); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	if mesh.Sidecar.PID() != pid || !mesh.Sidecar.Running() {
		t.Error("it is not the same Envoy process")
	}
	if n := strings.Count(out.String(), "\nhello: world"); n != 2 {
		t.Errorf("%d answers have the header, want two, one of them after a configuration was refused:\n%s", n, out.String())
	}
}
