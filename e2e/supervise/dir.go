// SPDX-License-Identifier: Apache-2.0

package supervise

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/autowasm/autowasm/internal/filelock"
)

// A Dir is the directory that an environment in the background lives in.
type Dir string

// DirOf returns that of a checkout.
func DirOf(checkout string) Dir { return Dir(filepath.Join(checkout, ".local")) }

// AbsoluteDir is a Dir at any path.
func AbsoluteDir(path string) (Dir, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("find the environment's directory: %w", err)
	}
	return Dir(absolute), nil
}

func (d Dir) path(name string) string { return filepath.Join(string(d), name) }

func (d Dir) variables() string  { return d.path("env") }
func (d Dir) kubeconfig() string { return d.path("kubeconfig") }
func (d Dir) logs() string       { return d.path("log") }
func (d Dir) log() string        { return d.path("log/env.log") }
func (d Dir) state() string      { return d.path("state.json") }
func (d Dir) lock() string       { return d.path("supervisor.lock") }
func (d Dir) program() string    { return d.path("supervisor") }
func (d Dir) data() string       { return d.path("data") }

// running tells whether a supervisor runs here.
func (d Dir) running() (bool, error) { return filelock.Held(d.lock()) }

// clear removes everything but the logs, which tell what happened.
func (d Dir) clear() error {
	var errs []error
	for _, path := range []string{d.variables(), d.kubeconfig(), d.state(), d.program(), d.data(), d.lock()} {
		errs = append(errs, os.RemoveAll(path))
	}
	return errors.Join(errs...)
}
