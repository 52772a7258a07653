// SPDX-License-Identifier: Apache-2.0

package build

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestProgress(t *testing.T) {
	at := time.Unix(0, 0)
	now := func() time.Time { return at }
	show := func(terminal bool, err error) string {
		var out bytes.Buffer
		at = time.Unix(0, 0)
		task := begin(&out, terminal, now, "building", "soon done")
		at = at.Add(83 * time.Second)
		task.doing("the last step")
		task.show()
		task.done(err)
		return out.String()
	}
	got := map[string]string{
		"log":            show(false, nil),
		"log, failed":    show(false, errors.New("x")),
		"terminal":       show(true, nil),
		"terminal, fail": show(true, errors.New("x")),
	}
	want := map[string]string{
		"log":            "building … 0s, soon done\nbuilding … 1m23s, the last step\nbuilding … done after 1m23s\n",
		"log, failed":    "building … 0s, soon done\nbuilding … 1m23s, the last step\nbuilding … failed after 1m23s\n",
		"terminal":       "\rbuilding … 0s, soon done\x1b[K\rbuilding … 1m23s, the last step\x1b[K\rbuilding … done after 1m23s\x1b[K\n",
		"terminal, fail": "\rbuilding … 0s, soon done\x1b[K\rbuilding … 1m23s, the last step\x1b[K\rbuilding … failed after 1m23s\x1b[K\n",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestProgressFitsATerminal: a line that is wrapped would not be overwritten by the next.
func TestProgressFitsATerminal(t *testing.T) {
	var out bytes.Buffer
	task := begin(&out, true, time.Now, "building", "")
	out.Reset()
	task.doing(strings.Repeat("ä", 2*width))
	task.show()
	task.stop()
	line := strings.TrimSuffix(strings.TrimPrefix(out.String(), "\r"), "\x1b[K")
	if n := len([]rune(line)); n != width || !strings.HasSuffix(line, "ä…") {
		t.Errorf("%d characters, want %d: %s", n, width, line)
	}
}

func TestTickStops(t *testing.T) {
	var calls int
	called := make(chan struct{}, 1)
	stop := tick(time.Millisecond, func() {
		calls++
		select {
		case called <- struct{}{}:
		default:
		}
	})
	<-called
	stop()
	before := calls // unguarded: the race detector finds a call after stop
	time.Sleep(5 * time.Millisecond)
	if calls != before {
		t.Errorf("%d calls after stop", calls-before)
	}
}

// TestOutputOfGo says what is compiled and keeps why it failed, however the output is cut into writes.
func TestOutputOfGo(t *testing.T) {
	const printed = `go: downloading k8s.io/api v0.37.0
k8s.io/api/core/v1
example.com/broken
# example.com/broken
./main.go:3:15: undefined: undefinedName
`
	for _, size := range []int{1, 7, len(printed)} {
		var out bytes.Buffer
		o := &output{task: begin(&out, false, time.Now, "building", "")}
		var details []string
		for at := 0; at < len(printed); at += size {
			if _, err := o.Write([]byte(printed[at:min(at+size, len(printed))])); err != nil {
				t.Fatal(err)
			}
			if detail := o.task.detail; len(details) == 0 || details[len(details)-1] != detail {
				details = append(details, detail)
			}
		}
		o.task.stop()
		if got, want := o.String(), "# example.com/broken\n./main.go:3:15: undefined: undefinedName\n"; got != want {
			t.Errorf("in writes of %d bytes: kept %q, want %q", size, got, want)
		}
		if got, want := details[len(details)-1], "compiling package 2, example.com/broken"; got != want {
			t.Errorf("in writes of %d bytes: the last detail is %q, want %q", size, got, want)
		}
		if size == 1 && details[1] != "downloading k8s.io/api v0.37.0" {
			t.Errorf("details: %q", details)
		}
	}
}
