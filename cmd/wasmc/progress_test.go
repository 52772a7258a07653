package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

func TestMeter(t *testing.T) {
	var out strings.Builder
	m := &meter{w: &out, verb: "Pulling"}
	m.clear() // nothing has been shown
	m.show(1 << 20)
	m.show(2 << 20) // too soon
	m.next = time.Time{}
	m.total = 4 << 20
	m.show(3 << 20)
	m.clear()
	want := "\r\x1b[KPulling 1.0 MiB\r\x1b[KPulling 3.0 of 4.0 MiB\r\x1b[K"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// A push ends its updates, or fails before it has any: the watcher ends in both
// cases.
func TestPushProgressEnds(t *testing.T) {
	for _, closes := range []bool{true, false} {
		var out strings.Builder
		p := startPushProgress(&out)
		p.updates <- v1.Update{Total: 2 << 20, Complete: 1 << 20}
		if closes {
			close(p.updates)
			<-p.done
		}
		p.stop()
		if got := out.String(); closes && !strings.Contains(got, "Pushing 1.0 of 2.0 MiB") {
			t.Errorf("shown: %q", got)
		}
	}
}

func TestProgressIsForTerminals(t *testing.T) {
	if p := newPushProgress(&strings.Builder{}); p != nil {
		t.Error("a push is shown to nobody")
	}
	if p := newPullProgress(&strings.Builder{}, nil); p.meter != nil {
		t.Error("a pull is shown to nobody")
	}
}
