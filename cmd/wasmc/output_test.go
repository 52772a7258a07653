// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

func TestProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		p, mib := &progress{w: &out, verb: "Pulling"}, make([]byte, 1<<20)
		p.clear() // nothing has been shown
		p.Write(mib)
		p.Write(mib) // too soon
		time.Sleep(progressInterval + 1)
		p.total = 4 << 20
		p.Write(mib)
		p.clear()
		want := "\r\x1b[KPulling 1.0 MiB\r\x1b[KPulling 3.0 of 4.0 MiB\r\x1b[K"
		if diff := cmp.Diff(want, out.String()); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	})
}

// A push closes its updates, or fails before that: following it ends in both cases.
func TestFollowEndsWithThePush(t *testing.T) {
	failed := errors.New("failed")
	for _, closes := range []bool{true, false} {
		var out strings.Builder
		p := &progress{w: &out, verb: "Pushing"}
		err := p.follow(func(updates chan<- v1.Update) error {
			updates <- v1.Update{Total: 2 << 20, Complete: 1 << 20}
			if closes {
				close(updates)
			}
			return failed
		})
		if err != failed {
			t.Errorf("error = %v", err)
		}
		if want := "\r\x1b[KPushing 1.0 of 2.0 MiB\r\x1b[K"; out.String() != want {
			t.Errorf("shown: %q", out.String())
		}
	}
}

func TestProgressIsForTerminals(t *testing.T) {
	var out strings.Builder
	p := newProgress(&out, "Pulling")
	p.Write(make([]byte, 1<<20))
	p.clear()
	if out.Len() > 0 {
		t.Errorf("shown: %q", out.String())
	}
}

func TestErrorsStayOnOneLine(t *testing.T) {
	if got := oneLine("a\nb\r\n\nc\x1b[2J “é”\t'"); got != `a b c\x1b[2J “é”\t'` {
		t.Errorf("got %q", got)
	}
}
