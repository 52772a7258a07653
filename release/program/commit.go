// SPDX-License-Identifier: Apache-2.0

package program

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// A Commit is what a checkout holds.
type Commit struct {
	// Revision is the hash of the commit.
	Revision string
	// Time is the committer's, in UTC: the time of all that is made of the commit.
	Time time.Time
	// Modified says that the checkout has changes that are not in the commit.
	Modified bool
}

// String is the revision, with "-modified" where the checkout is not what it says.
func (c Commit) String() string {
	if c.Modified {
		return c.Revision + "-modified"
	}
	return c.Revision
}

// ReadCommit reads the commit of a checkout by git.
func ReadCommit(ctx context.Context, checkout string) (Commit, error) {
	line, err := git(ctx, checkout, "log", "-1", "--format=%H %ct")
	if err != nil {
		return Commit{}, err
	}
	revision, stamp, _ := strings.Cut(strings.TrimSpace(line), " ")
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil {
		return Commit{}, fmt.Errorf("read the time of commit %s: %w", revision, err)
	}
	changes, err := git(ctx, checkout, "status", "--porcelain")
	if err != nil {
		return Commit{}, err
	}
	return Commit{Revision: revision, Time: time.Unix(seconds, 0).UTC(), Modified: changes != ""}, nil
}

func git(ctx context.Context, dir string, args ...string) (string, error) {
	command := exec.CommandContext(ctx, "git", args...)
	command.Dir = dir
	out, err := command.Output()
	if err != nil {
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			err = fmt.Errorf("%w: %s", err, strings.TrimSpace(string(exit.Stderr)))
		}
		return "", fmt.Errorf("read the commit of the checkout: git %s: %w", strings.Join(args, " "), err)
	}
	return string(out), nil
}
