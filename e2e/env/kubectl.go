// SPDX-License-Identifier: Apache-2.0

package env

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// A KubectlError is kubectl's refusal, as its user sees it.
type KubectlError struct {
	Args           []string
	Code           int // exit code; -1 when kubectl did not end by itself
	Stdout, Stderr string
	Err            error
}

// Error shows the command and what it said.
func (e *KubectlError) Error() string {
	said := strings.TrimSpace(e.Stderr)
	if said == "" {
		said = strings.TrimSpace(e.Stdout)
	}
	return fmt.Sprintf("kubectl %s: %v: %s", strings.Join(e.Args, " "), e.Err, said)
}

// Unwrap returns the error of running the program.
func (e *KubectlError) Unwrap() error { return e.Err }

// Output is what kubectl printed.
type Output struct{ Stdout, Stderr string }

// Kubectl runs kubectl as a cluster administrator and returns what it printed. An exit code other than 0 is a
// *KubectlError.
func (e *Environment) Kubectl(ctx context.Context, args ...string) (Output, error) {
	return e.KubectlInput(ctx, "", args...)
}

// KubectlInput is Kubectl with a standard input, which `-f -` reads.
func (e *Environment) KubectlInput(ctx context.Context, stdin string, args ...string) (Output, error) {
	var stdout, stderr bytes.Buffer
	cmd := e.KubectlCommand(ctx, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &stdout, &stderr
	err := cmd.Run()
	out := Output{Stdout: stdout.String(), Stderr: stderr.String()}
	if err != nil {
		return out, &KubectlError{Args: args, Code: exitCode(err), Stdout: out.Stdout, Stderr: out.Stderr, Err: err}
	}
	return out, nil
}

// KubectlCommand is a kubectl that has not been run yet.
func (e *Environment) KubectlCommand(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, e.binaries.Kubectl, args...)
	cmd.Env = append(os.Environ(), e.kubectlVariables()...)
	return cmd
}

// kubectlVariables point kubectl at the environment and keep it from what it remembers of other clusters: its
// cache is keyed by host and port, which another environment may have had.
func (e *Environment) kubectlVariables() []string {
	return []string{"KUBECONFIG=" + e.Kubeconfig, "KUBECACHEDIR=" + e.kubectlCache(), "KUBERC=off"}
}

func (e *Environment) kubectlCache() string { return e.data("kubectl-cache") }

func exitCode(err error) int {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	return -1
}
