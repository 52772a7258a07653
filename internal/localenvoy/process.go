// SPDX-License-Identifier: Apache-2.0

package localenvoy

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

func (p *Proxy) arguments() []string {
	level := p.options.LogLevel
	return []string{
		p.options.Binary, "-c", filepath.Join(p.dir, bootstrapFile), "--disable-hot-restart", "--concurrency", "1",
		"--log-level", "warn", "--component-log-level", "wasm:" + level, "--log-format", logFormat,
	}
}

// start starts the supervisor, which starts Envoy.
func (p *Proxy) start() error {
	line := append(append(append([]string{}, p.options.Supervisor...), p.dir), p.arguments()...)
	command := exec.Command(line[0], line[1:]...)
	command.Args[0] = "wasmc"
	command.SysProcAttr = apart()
	command.WaitDelay = endTimeout
	var reason bytes.Buffer
	command.Stdout, command.Stderr = &reason, &lineWriter{line: p.read}
	stdin, err := command.StdinPipe()
	if err != nil {
		return err
	}
	if err := command.Start(); err != nil {
		return fmt.Errorf("start the supervisor of Envoy: %w", err)
	}
	p.stdin = stdin
	go func() { // Close waits for it
		defer close(p.done)
		err := command.Wait()
		p.err = p.ended(strings.TrimSpace(reason.String()), err)
	}()
	return nil
}

// ended is why Envoy ended, as its supervisor says, with what Envoy logged last.
func (p *Proxy) ended(reason string, err error) error {
	if reason == "" && err != nil {
		reason = "its supervisor: " + err.Error()
	}
	reason = cmp.Or(reason, "its supervisor received a signal to end")
	p.mu.Lock()
	defer p.mu.Unlock()
	words := strings.Join(p.last, "; ")
	if words != "" {
		words = "; it logged " + words
	}
	return errors.New("Envoy ended: " + reason + words)
}

// read reads a line of the log.
func (p *Proxy) read(text string) {
	if text == "" {
		return
	}
	line := parse(text)
	if line.isFailure() {
		p.mu.Lock()
		p.first = cmp.Or(p.first, line.Message)
		p.last = append(p.last, line.Message)
		p.last = p.last[max(0, len(p.last)-lastWords):]
		p.mu.Unlock()
	}
	if line.isShown() {
		p.options.Line(line.Line)
	}
}

// Close ends Envoy and removes its files.
func (p *Proxy) Close() {
	_ = p.stdin.Close() // has the supervisor end Envoy; fails where that has ended
	<-p.done
	p.remove()
}

// remove removes what a supervisor that was killed has left.
func (p *Proxy) remove() { _ = os.RemoveAll(p.dir) }
