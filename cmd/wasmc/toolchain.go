// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// buildEndTimeout is how long a command of a tool chain may take to end once wasmc is interrupted.
const buildEndTimeout = 5 * time.Second

// toolChain builds filters of a language.
type toolChain struct {
	marker  string // the file that a directory of the language has
	program string
	remedy  string // where the program is not there
	// run writes builtFile into the directory of the command.
	run func(ctx context.Context, c *toolCommand) error
}

// toolChains are in the order in which directories are searched for their markers.
var toolChains = []toolChain{
	{"go.mod", "go", "install Go 1.24 or later from https://go.dev/dl", buildGo},
	{"Cargo.toml", "cargo", "install Rust with https://rustup.rs", buildRust},
	{"package.json", "npm", "install Node.js with npm from https://nodejs.org", buildAssemblyScript},
}

// toolChainOf returns that of a directory's language.
func toolChainOf(dir string) (*toolChain, error) {
	if _, err := os.Stat(dir); err != nil {
		return nil, err
	}
	markers := make([]string, 0, len(toolChains))
	for _, chain := range toolChains {
		if _, err := os.Stat(filepath.Join(dir, chain.marker)); err == nil {
			return &chain, nil
		}
		markers = append(markers, chain.marker)
	}
	return nil, hintedError{
		fmt.Errorf("the language is not known: the directory has none of %s", strings.Join(markers, ", ")),
		"name the directory of a filter; wasmc init writes a new one",
	}
}

func (t *toolChain) build(ctx context.Context, progress io.Writer, dir string) error {
	if _, err := exec.LookPath(t.program); err != nil {
		return hintedError{fmt.Errorf("it has %s, and %s is not on the PATH", t.marker, t.program), t.remedy}
	}
	return t.run(ctx, &toolCommand{dir: dir, progress: progress})
}

// toolCommand runs commands in a directory, and prints them with what they print.
type toolCommand struct {
	dir      string
	progress io.Writer
}

// do runs a command with variables NAME=VALUE in its environment, which returns what it writes to its standard output if
// that is not to be printed.
func (c *toolCommand) do(ctx context.Context, stdout io.Writer, env []string, line ...string) error {
	shown := quoted(append(append([]string{}, env...), line...))
	fmt.Fprintf(c.progress, "+ %s\n", shown)
	command := exec.CommandContext(ctx, line[0], line[1:]...)
	command.Dir, command.Env = c.dir, append(os.Environ(), env...)
	command.Stdout, command.Stderr = stdout, c.progress
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) } // so that it removes what it has begun
	command.WaitDelay = buildEndTimeout
	if err := command.Run(); err != nil {
		return fmt.Errorf("%s: %w", shown, err)
	}
	return nil
}

// quoted is a command line as a shell takes it.
func quoted(words []string) string {
	shown := make([]string, 0, len(words))
	for _, word := range words {
		if strings.ContainsAny(word, " '\"$") {
			word = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
		}
		shown = append(shown, word)
	}
	return strings.Join(shown, " ")
}

func (c *toolCommand) has(name string) bool {
	_, err := os.Stat(filepath.Join(c.dir, name))
	return err == nil
}

func buildGo(ctx context.Context, c *toolCommand) error {
	return c.do(ctx, c.progress, []string{"GOOS=wasip1", "GOARCH=wasm"},
		"go", "build", "-buildmode=c-shared", "-ldflags=-s -w", "-o", builtFile, ".")
}

func buildRust(ctx context.Context, c *toolCommand) error {
	line := []string{"cargo", "build", "--release", "--target", "wasm32-wasip1", "--message-format", "json-render-diagnostics"}
	if c.has("Cargo.lock") {
		line = append(line, "--locked")
	}
	var messages bytes.Buffer
	if err := c.do(ctx, &messages, nil, line...); err != nil {
		return err
	}
	built, err := cargoModule(&messages)
	if err != nil {
		return err
	}
	return c.keep(built)
}

// cargoModule returns the path of the module that cargo says it has built, of which the package's own is the last.
func cargoModule(messages io.Reader) (built string, err error) {
	for decoder := json.NewDecoder(messages); ; {
		var message struct {
			Reason    string   `json:"reason"`
			Filenames []string `json:"filenames"`
		}
		if err := decoder.Decode(&message); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return "", fmt.Errorf("read what cargo prints: %w", err)
		}
		for _, name := range message.Filenames {
			if message.Reason == "compiler-artifact" && filepath.Ext(name) == ".wasm" {
				built = name
			}
		}
	}
	if built == "" {
		return "", errors.New(`cargo built no module: Cargo.toml needs [lib] with crate-type = ["cdylib"]`)
	}
	return built, nil
}

func buildAssemblyScript(ctx context.Context, c *toolCommand) error {
	content, err := os.ReadFile(filepath.Join(c.dir, "package.json"))
	if err != nil {
		return err
	}
	var described struct {
		Scripts map[string]string `json:"scripts"`
	}
	if err := json.Unmarshal(content, &described); err != nil {
		return fmt.Errorf("read package.json: %w", err)
	}
	if described.Scripts["build"] == "" {
		return errors.New(`package.json has no script "build", which is to run asc`)
	}
	if !c.has("node_modules") {
		if err := c.do(ctx, c.progress, nil, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"); err != nil {
			return err
		}
	}
	before := time.Now().Add(-time.Second) // file systems may keep whole seconds
	if err := c.do(ctx, c.progress, nil, "npm", "run", "--silent", "build"); err != nil {
		return err
	}
	built, err := c.newestModule(before)
	if err != nil {
		return err
	}
	return c.keep(built)
}

// newestModule returns the path of the module that was written last, after a time.
func (c *toolCommand) newestModule(after time.Time) (newest string, err error) {
	err = filepath.WalkDir(c.dir, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && entry.Name() == "node_modules":
			return fs.SkipDir
		case entry.IsDir() || filepath.Ext(path) != ".wasm":
			return nil
		}
		info, err := entry.Info()
		if err == nil && info.ModTime().After(after) {
			newest, after = path, info.ModTime()
		}
		return err
	})
	if err == nil && newest == "" {
		err = errors.New("npm run build wrote no .wasm file")
	}
	return newest, err
}

// keep copies a module to builtFile, unless it is there.
func (c *toolCommand) keep(built string) error {
	target := filepath.Join(c.dir, builtFile)
	from, err := os.Stat(built)
	if err != nil {
		return err
	}
	if there, err := os.Stat(target); err == nil && os.SameFile(from, there) {
		return nil
	}
	content, err := os.ReadFile(built)
	if err != nil {
		return err
	}
	return replaceFile(target, func(f *os.File) error {
		_, err := f.Write(content)
		return err
	})
}
