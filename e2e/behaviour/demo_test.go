// SPDX-License-Identifier: Apache-2.0

package behaviour

import (
	"bytes"
	"testing"

	"github.com/autowasm/autowasm/e2e/demo"
)

// TestDemo plays what the README promises, but for the steps that ask a proxy: package mesh plays these, too. It works
// in the default namespace.
func TestDemo(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	play := &demo.Demo{Variables: cluster.Variables(), Checkout: cluster.Checkout, Out: &out}
	if err := play.Run(t.Context()); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
}
