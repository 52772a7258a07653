// SPDX-License-Identifier: Apache-2.0

package doctest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
)

// A session is a bash that stays from one command to the next, with its variables and its directory.
type session struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	out   io.ReadCloser
	lines *bufio.Reader
}

// What bash is to do first: to end at the first failure, to print errors and results in their order, and to end what runs in
// the background when it ends, which would hold its output open.
const preamble = "set -euo pipefail\nexec 2>&1\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n"

func startSession(ctx context.Context, dir string, env []string) (*session, error) {
	s := &session{cmd: exec.CommandContext(ctx, "bash", "--noprofile", "--norc")}
	s.cmd.Dir, s.cmd.Env = dir, env
	var err error
	if s.stdin, err = s.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if s.out, err = s.cmd.StdoutPipe(); err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start a shell: %w", err)
	}
	context.AfterFunc(ctx, func() { s.out.Close() }) // which a program that bash started may hold open
	s.lines = bufio.NewReader(s.out)
	_, err = io.WriteString(s.stdin, preamble)
	return s, err
}

// separator is what bash prints after the output of a command and before its exit code.
const separator = '\x1e'

// errEnded is that the shell has ended, as it does when a command fails.
var errEnded = errors.New("the shell has ended, since a command failed")

// do runs a command and returns what it prints and its exit code. A failure ends the shell, unless it may.
func (s *session) do(command string, mayFail bool) (output string, code int, err error) {
	text := "{ " + command + "\n} </dev/null\n"
	if mayFail {
		text = "set +e\n" + text
	}
	if _, err := io.WriteString(s.stdin, text+`printf '\036%d\n' $?`+"\nset -e\n"); err != nil {
		return "", 0, errEnded
	}
	output, err = s.lines.ReadString(separator)
	if err != nil {
		return output, 0, errEnded
	}
	status, err := s.lines.ReadString('\n')
	if err != nil {
		return output, 0, errEnded
	}
	code, err = strconv.Atoi(strings.TrimSpace(status))
	return strings.TrimSuffix(output, string(separator)), code, err
}

// end ends the shell.
func (s *session) end() {
	s.stdin.Close()
	_ = s.cmd.Wait() // its exit code is that of the command that failed
}
