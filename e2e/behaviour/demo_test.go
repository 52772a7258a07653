package behaviour

import (
	"bytes"
	"testing"

	"github.com/autowasm/autowasm/e2e/demo"
)

// TestDemo plays what the README promises. It works in the default namespace.
func TestDemo(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	play := &demo.Demo{Environment: cluster.Environment, Checkout: cluster.Checkout, Out: &out}
	if err := play.Run(t.Context()); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
}
