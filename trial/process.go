// SPDX-License-Identifier: Apache-2.0

package trial

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

const (
	// killAfter is how long after its time a child is killed, which ends by itself before.
	killAfter = 2 * time.Second
	// waitDelay is how long the end of a killed child's output is waited for.
	waitDelay = time.Second
	// maxOutput and maxErrors bound what is read of a child, in bytes. The rest is dropped.
	maxOutput = 64 << 10
	maxErrors = 4 << 10
)

// thisProgram is what a child is started from: also when its file was replaced, or is in no directory any more.
func thisProgram() string {
	if runtime.GOOS == "linux" {
		return "/proc/self/exe"
	}
	path, err := os.Executable()
	if err != nil {
		return os.Args[0]
	}
	return path
}

// runChild does a job in a process of its own, and waits for its end.
func runChild(ctx context.Context, program string, j job, wasm *os.File) Result {
	raw, err := json.Marshal(j)
	if err != nil {
		return ended(fmt.Sprintf("encode what to try: %v", err))
	}
	ctx, cancel := context.WithTimeout(ctx, j.longest()+killAfter)
	defer cancel()
	output, errs := &bounded{limit: maxOutput}, &bounded{limit: maxErrors}
	command := exec.CommandContext(ctx, program, Argument)
	command.Env, command.Dir = []string{}, "/" // nothing of ours
	command.Stdin, command.Stdout, command.Stderr = bytes.NewReader(raw), output, errs
	command.ExtraFiles = []*os.File{wasm}
	command.WaitDelay = waitDelay
	if err := command.Run(); err != nil {
		return ended(causeOf(ctx, err, j, string(errs.kept)))
	}
	var r Result
	if err := json.Unmarshal(output.kept, &r); err != nil {
		return ended("its process wrote no result")
	}
	return r.clean()
}

// causeOf says why a child died. It has not said so itself.
func causeOf(ctx context.Context, err error, j job, errs string) string {
	switch {
	case ctx.Err() != nil:
		return j.late().Error()
	case j.spentBy(err):
		return j.spent().Error()
	case strings.Contains(errs, "out of memory"), strings.Contains(errs, "cannot allocate memory"):
		return fmt.Sprintf("it took more memory than %d MiB", j.Data>>20)
	}
	last := errs[strings.LastIndexByte(strings.TrimSpace(errs), '\n')+1:]
	return oneLine(fmt.Sprintf("its process ended, %v %s", err, last), maxLine)
}

// bounded keeps the first bytes that are written to it. It embeds no bytes.Buffer, whose ReadFrom io.Copy would call instead of
// Write, and which has no limit.
type bounded struct {
	kept  []byte
	limit int
}

// Write never fails: a child that writes too much is not to be blocked by it, nor ended.
func (b *bounded) Write(p []byte) (int, error) {
	b.kept = append(b.kept, p[:min(b.limit-len(b.kept), len(p))]...)
	return len(p), nil
}
