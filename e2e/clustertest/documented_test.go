//go:build cluster

package clustertest

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/autowasm/autowasm/e2e/process"
	"github.com/autowasm/autowasm/e2e/suite"
)

// TestDocumentedTutorial runs the tutorial of docs/cluster.md as it is written, in the namespace default. Its last command
// prints the answer with the header.
func TestDocumentedTutorial(t *testing.T) {
	t.Parallel()
	blocks := documented(t)
	if len(blocks) != 3 {
		t.Fatalf("the tutorial has %d blocks, want commands, an answer, and commands that end it", len(blocks))
	}
	commands, end := commandsIn(blocks[0]), commandsIn(blocks[2])
	t.Cleanup(func() {
		ctx, cancel := suite.Detached(t)
		defer cancel()
		for _, c := range end {
			if _, err := shell(ctx, t, c); err != nil {
				t.Error(err)
			}
		}
	})
	last := len(commands) - 1
	for _, c := range commands[:last] {
		if _, err := shell(t.Context(), t, c); err != nil {
			t.Fatal(err)
		}
	}
	suite.Eventually(t, func(ctx context.Context) error { // Ready is a moment early
		out, err := shell(ctx, t, commands[last])
		if err == nil && !strings.Contains(out, "\nHello: world") {
			err = errors.New("the answer has no header hello: world")
		}
		return err
	})
}

// documented returns the blocks of code of the tutorial.
func documented(t *testing.T) (blocks []string) {
	t.Helper()
	page, err := os.ReadFile(inCheckout(t, "docs", "cluster.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n## The tutorial\n")
	section, _, _ = strings.Cut(section, "\n## ")
	for i, part := range strings.Split(section, "\n```\n") {
		if i%2 == 1 {
			blocks = append(blocks, part+"\n")
		}
	}
	return blocks
}

// commandsIn are those after a prompt, each with the lines that follow it.
func commandsIn(block string) []string {
	return slices.DeleteFunc(strings.Split("\n"+block, "\n$ "), func(c string) bool { return c == "" })
}

// shell runs a command as a user types it.
func shell(ctx context.Context, t *testing.T, line string) (string, error) {
	cmd := exec.CommandContext(ctx, "bash", "-c", line)
	cmd.Dir = inCheckout(t)
	out, err := process.Output(cmd)
	t.Logf("$ %s\n%s", line, out)
	return out, err
}
