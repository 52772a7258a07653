// SPDX-License-Identifier: Apache-2.0

package host

import (
	"errors"
	"testing"
)

// What a callback lets pass cannot be read later; what it holds, and what a local response took the place of, can.
func TestWhatCanBeReadLater(t *testing.T) {
	for name, tt := range map[string]struct {
		code [][]byte
		want bool
	}{
		"continue":       {[][]byte{i32(0)}, false},
		"pause":          {[][]byte{i32(1)}, true},
		"local response": {[][]byte{localResponse(403), i32(0)}, true},
	} {
		g := newGuest(t, filter(onHeaders("request", tt.code...)), VMConfig{})
		s := g.stream(g.plugin(PluginConfig{}), StreamConfig{})
		if err := s.RequestHeaders(t.Context(), get, true); err != nil {
			t.Fatal(err)
		}
		if got := s.visible(mapRequestHeaders) != nil; got != tt.want {
			t.Errorf("%s: the request's headers can be read: %t, want %t", name, got, tt.want)
		}
	}
}

// A filter that buffers a body sees all that is held, one that does not the part that came.
func TestHowMuchOfABodyIsSeen(t *testing.T) {
	for answer, want := range map[int32]int{0: 2, 1: 4, 2: 2} {
		// The answer is given; the size of what can be seen is the last call's.
		g := newGuest(t, filter(onBody("request", i32(answer))), VMConfig{})
		s := g.stream(g.plugin(PluginConfig{}), StreamConfig{})
		if err := errors.Join(s.RequestHeaders(t.Context(), get, false), s.RequestBody(t.Context(), []byte("ab"), false)); err != nil {
			t.Fatal(err)
		}
		if got := s.request.buffering; got != (answer == 1) {
			t.Errorf("answer %d: buffering %t", answer, got)
		}
		if err := s.RequestBody(t.Context(), []byte("cd"), false); err != nil {
			t.Fatal(err)
		}
		seen := 2
		if body := s.request.body(); answer == 1 && body != nil {
			seen = len(*body)
		}
		if seen != want {
			t.Errorf("answer %d: %d bytes, want %d", answer, seen, want)
		}
	}
}

// No table grows beyond the limit, whatever it declares.
func TestTablesHaveAMaximum(t *testing.T) {
	for name, tt := range map[string]struct{ content, want []byte }{
		"none":     {[]byte{1, 0x70, 0, 5}, []byte{1, 0x70, 1, 5, 0x80, 0x80, 0x40}},
		"a lower":  {[]byte{1, 0x70, 1, 5, 9}, []byte{1, 0x70, 1, 5, 9}},
		"a higher": {[]byte{1, 0x70, 1, 5, 0xff, 0xff, 0xff, 0x7f}, []byte{1, 0x70, 1, 5, 0x80, 0x80, 0x40}},
		"two":      {[]byte{2, 0x70, 0, 0, 0x6f, 0, 0}, []byte{2, 0x70, 1, 0, 0x80, 0x80, 0x20, 0x6f, 1, 0, 0x80, 0x80, 0x20}},
	} {
		got, err := prepareTables(tt.content, nil)
		if err != nil || string(got) != string(tt.want) {
			t.Errorf("%s: % x, %v, want % x", name, got, err, tt.want)
		}
	}
}
