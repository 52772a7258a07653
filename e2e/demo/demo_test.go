// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/autowasm/autowasm/e2e/env"
)

func variables(admin string) []env.Variable {
	return []env.Variable{{Name: "ENVOY_ADMIN_URL", Value: admin}, {Name: "PATH", Value: os.Getenv("PATH")}}
}

// playOne plays one step and returns what it printed.
func playOne(ctx context.Context, t *testing.T, s step) (string, error) {
	t.Helper()
	var out bytes.Buffer
	d := &Demo{Variables: variables(""), Out: &out}
	err := d.play(ctx, t.TempDir(), s, time.Now())
	return out.String(), err
}

// TestPollShowsTheLastAnswer: the command is printed once, and so is the answer.
func TestPollShowsTheLastAnswer(t *testing.T) {
	out, err := playOne(t.Context(), t, step{says: "Again.", run: `echo x >> tries; wc -l < tries`, within: time.Minute, shows: []string{"3"}})
	if err != nil || out != "\n# Again.\n$ echo x >> tries; wc -l < tries\n3\n" {
		t.Errorf("%v, %q", err, out)
	}
}

func TestPollGivesUp(t *testing.T) {
	out, err := playOne(t.Context(), t, step{run: `echo 404 x`, within: 300 * time.Millisecond, shows: []string{"200"}})
	if err == nil || !strings.Contains(err.Error(), `lacks "200"`) || out != "$ echo 404 x\n404 x\n" {
		t.Errorf("%v, %q", err, out)
	}
}

func TestPlay(t *testing.T) {
	for name, tc := range map[string]struct {
		step step
		ok   bool
	}{
		"as it should":                     {step{run: "true"}, true},
		"it fails":                         {step{run: "false"}, false},
		"it is refused as it should":       {step{run: "false", refused: true}, true},
		"it is not refused":                {step{run: "true", refused: true}, false},
		"it succeeds with another answer":  {step{run: "echo a", shows: []string{"b"}}, false},
		"it is refused for another reason": {step{run: "echo a; false", refused: true, shows: []string{"b"}}, false},
	} {
		if _, err := playOne(t.Context(), t, tc.step); (err == nil) != tc.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestMeshOfTheSecondHalf is asked for once, and there is a proxy to ask only when it says so.
func TestMeshOfTheSecondHalf(t *testing.T) {
	broken := errors.New("broken")
	for name, tc := range map[string]struct {
		mesh func(context.Context) ([]env.Variable, error)
		live bool
		err  error
	}{
		"it runs already":  {nil, true, nil},
		"it has proxies":   {func(context.Context) ([]env.Variable, error) { return variables("http://127.0.0.1:1"), nil }, true, nil},
		"it has none":      {func(context.Context) ([]env.Variable, error) { return variables(""), nil }, false, nil},
		"it does not come": {func(context.Context) ([]env.Variable, error) { return nil, broken }, false, broken},
	} {
		d := &Demo{Mesh: tc.mesh}
		if tc.mesh == nil {
			d.Variables = variables("http://127.0.0.1:1")
		}
		if err := d.startMesh(t.Context()); !errors.Is(err, tc.err) || d.live() != tc.live {
			t.Errorf("%s: live %t, %v", name, d.live(), err)
		}
	}
}
