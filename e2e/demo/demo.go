package demo

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/autowasm/autowasm/e2e/env"
)

// Demo is a play of the tutorial.
type Demo struct {
	// Environment that it plays on; it must be running.
	Environment *env.Environment
	// Checkout has bin/ with the programs and the example filter.
	Checkout string
	// Out gets the commands and their answers.
	Out io.Writer
}

// Run plays every step. It fails at the first one that does not answer as it
// should, which has been printed by then.
func (d *Demo) Run(ctx context.Context) error {
	dir, err := d.stage()
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	for _, s := range steps() {
		if err := d.play(ctx, dir, s); err != nil {
			return err
		}
	}
	return nil
}

// stage makes the directory in which the commands run, with the reader's own
// filter in it.
func (d *Demo) stage() (string, error) {
	dir, err := os.MkdirTemp("", "autowasm-demo-")
	if err != nil {
		return "", fmt.Errorf("make the demo's directory: %w", err)
	}
	filter := filepath.Join(d.Checkout, "bin", "add-header.wasm")
	if err := os.Symlink(filter, filepath.Join(dir, "example.wasm")); err != nil {
		return dir, fmt.Errorf("link the example filter: %w", err)
	}
	return dir, provideCurl(dir)
}

// provideCurl stands in for curl where there is none: this program is linked by
// that name.
func provideCurl(dir string) error {
	if _, err := exec.LookPath("curl"); err == nil {
		return nil
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program, to stand in for curl: %w", err)
	}
	if err := os.Symlink(self, filepath.Join(dir, "curl")); err != nil {
		return fmt.Errorf("stand in for curl: %w", err)
	}
	return nil
}

func (d *Demo) play(ctx context.Context, dir string, s step) error {
	if s.says != "" {
		fmt.Fprintf(d.Out, "\n# %s\n", s.says)
	}
	fmt.Fprintf(d.Out, "$ %s\n", strings.ReplaceAll(s.run, "\n", "\n> "))
	answer, err := d.shell(ctx, dir, s.run)
	if s.refused == (err == nil) {
		return fmt.Errorf("this command must %s: %s: %w", map[bool]string{true: "be refused", false: "succeed"}[s.refused], s.run, err)
	}
	return s.check(answer)
}

func (s step) check(answer string) error {
	for _, words := range s.shows {
		if !strings.Contains(answer, words) {
			return fmt.Errorf("the answer of this command lacks %q: %s", words, s.run)
		}
	}
	if s.same && !sameFirstWord(answer) {
		return fmt.Errorf("the lines that this command answered are not of the same module: %s", s.run)
	}
	return nil
}

func sameFirstWord(answer string) bool {
	lines := strings.Split(strings.TrimSpace(answer), "\n")
	for _, line := range lines {
		if len(line) == 0 || strings.Fields(line)[0] != strings.Fields(lines[0])[0] {
			return false
		}
	}
	return true
}

// shell runs a command as a reader of the tutorial would, in a shell in which
// .local/env was sourced.
func (d *Demo) shell(ctx context.Context, dir, command string) (string, error) {
	var answer bytes.Buffer
	cmd := exec.CommandContext(ctx, "sh", "-c", command)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "DOCKER_CONFIG="+filepath.Join(dir, ".docker"))
	for _, v := range d.Environment.Variables() {
		if v.Name == "PATH" {
			v.Value = strings.Join([]string{v.Value, os.Getenv("PATH"), dir}, string(os.PathListSeparator))
		}
		cmd.Env = append(cmd.Env, v.Name+"="+v.Value)
	}
	out := io.MultiWriter(d.Out, &answer)
	cmd.Stdout, cmd.Stderr = out, out
	err := cmd.Run()
	return answer.String(), err
}
