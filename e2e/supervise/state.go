// SPDX-License-Identifier: Apache-2.0

package supervise

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// A phase is how far the supervisor has come.
type phase string

const (
	starting phase = "starting"
	ready    phase = "ready"
	failed   phase = "failed" // it did not start; the supervisor has ended
)

// A state is what the supervisor tells of itself.
type state struct {
	PID   int       `json:"pid"` // of the supervisor; meaningful only while it runs
	Since time.Time `json:"since"`
	Phase phase     `json:"phase"`
	// Failures say, each in several lines, why the environment did not start or which of its parts died since.
	Failures []string `json:"failures,omitempty"`
}

// readState returns the zero state when there is none.
func (d Dir) readState() (state, error) {
	var s state
	text, err := os.ReadFile(d.state())
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err != nil {
		return s, fmt.Errorf("read the environment's state: %w", err)
	}
	return s, nil
}

// writeState replaces the file, so that a reader sees a whole one.
func (d Dir) writeState(s state) error {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("write the environment's state: %w", err)
	}
	temp := d.state() + ".tmp"
	if err := os.WriteFile(temp, append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("write the environment's state: %w", err)
	}
	if err := os.Rename(temp, d.state()); err != nil {
		return fmt.Errorf("write the environment's state: %w", err)
	}
	return nil
}
