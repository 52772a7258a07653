// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/autowasm/autowasm/internal/sleep"
)

// How the files of wasmc run and wasmc test --watch are polled.
const (
	pollInterval = 100 * time.Millisecond
	// settlePolls is how many polls a file may go on changing, as while a compiler writes it, before it is read all the same.
	settlePolls = 100
)

// stamp is by what a change of a file is seen; zero if there is none.
type stamp struct {
	modified time.Time
	size     int64
}

func stampOf(path string) stamp {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{}
	}
	return stamp{info.ModTime(), info.Size()}
}

// stamps are those of all files.
type stamps map[string]stamp

func stampsOf(paths []string) stamps {
	all := stamps{}
	for _, path := range paths {
		all[path] = stampOf(path)
	}
	return all
}

// changed returns whether a file has changed since, and keeps the present stamps.
func (s stamps) changed() bool {
	changed := false
	for path, before := range s {
		if now := stampOf(path); now != before {
			s[path], changed = now, true
		}
	}
	return changed
}

// rerun runs the cases, and again after each change, until ctx ends. What goes wrong is printed, and may be the next change's
// to repair.
func (o *testOptions) rerun(ctx context.Context, s streams, target string) error {
	paths := append([]string{}, o.files...)
	if target != "" {
		if isImage, err := namesImage(target); err == nil && isImage {
			return usagef("--watch wants a file, and there is none of the name %s", target)
		}
		paths = append(paths, target)
	}
	for {
		seen := stampsOf(paths)
		read, err := o.once(ctx, s, target)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			fmt.Fprintf(s.Err, "wasmc: %s\n", oneLine(err.Error()))
		}
		for _, path := range read {
			if _, known := seen[path]; !known {
				seen[path] = stampOf(path)
				paths = append(paths, path)
			}
		}
		if err := seen.wait(ctx); err != nil {
			return err
		}
		fmt.Fprint(s.Out, separator(s.Out))
	}
}

// wait returns once a file has changed and all are as they were one poll before.
func (s stamps) wait(ctx context.Context) error {
	for !s.changed() {
		if err := sleep.For(ctx, pollInterval); err != nil {
			return err
		}
	}
	for range settlePolls {
		if err := sleep.For(ctx, pollInterval); err != nil || !s.changed() {
			return err
		}
	}
	return nil
}
