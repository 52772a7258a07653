// SPDX-License-Identifier: Apache-2.0

package env

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// A Variable is one that a shell in which the environment is used should have.
type Variable struct{ Name, Value string }

// Variables are what a shell, a script or a demo needs to use the environment. PATH is the directory to be put
// first in it: bin/ of the checkout, which holds kubectl, wasmer and wasmc.
func (e *Environment) Variables() []Variable {
	return []Variable{
		{"KUBECONFIG", e.Kubeconfig},
		{"KUBECACHEDIR", e.kubectlCache()},
		{"REGISTRY", e.Registry},
		{"PRIVATE_REGISTRY", e.PrivateRegistry},
		{"PRIVATE_REGISTRY_USERNAME", e.PrivateRegistryUsername},
		{"PRIVATE_REGISTRY_PASSWORD", e.PrivateRegistryPassword},
		{"OBJECTS_URL", e.ObjectsURL},
		{"OBJECTS_DIR", e.ObjectsDir},
		{"WASMER_URL", e.WasmerURL},
		{"WASMER_METRICS_URL", e.WasmerMetricsURL},
		{"PATH", filepath.Join(e.options.Checkout, "bin")},
	}
}

// WriteVariables writes a file for a shell to source, which only the user may read, since it has a password.
func WriteVariables(path string, variables []Variable) error {
	if err := os.WriteFile(path, []byte(formatVariables(variables)), 0o600); err != nil {
		return fmt.Errorf("write the environment's variables: %w", err)
	}
	return nil
}

// ReadVariables reads a file that WriteVariables wrote.
func ReadVariables(path string) ([]Variable, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the environment's variables: %w", err)
	}
	defer f.Close()
	return parseVariables(f)
}

const (
	export     = "export "
	restOfPath = `":$PATH"`
)

func formatVariables(variables []Variable) string {
	var text strings.Builder
	for _, v := range variables {
		text.WriteString(export + v.Name + "=" + quote(v.Value))
		if v.Name == "PATH" {
			text.WriteString(restOfPath)
		}
		text.WriteString("\n")
	}
	return text.String()
}

func parseVariables(r io.Reader) ([]Variable, error) {
	var variables []Variable
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		v, err := parseVariable(lines.Text())
		if err != nil {
			return nil, err
		}
		variables = append(variables, v)
	}
	return variables, lines.Err()
}

func parseVariable(line string) (Variable, error) {
	assignment, exported := strings.CutPrefix(line, export)
	name, value, assigned := strings.Cut(assignment, "=")
	if !exported || !assigned {
		return Variable{}, fmt.Errorf("not a variable of the environment: %q", line)
	}
	value, err := unquote(strings.TrimSuffix(value, restOfPath))
	if err != nil {
		return Variable{}, fmt.Errorf("variable %s: %w", name, err)
	}
	return Variable{name, value}, nil
}

// A quote inside of single quotes, for a shell: end them, a quote by itself, begin them again.
const quotedQuote = `'\''`

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", quotedQuote) + "'" }

func unquote(s string) (string, error) {
	inner, ok := strings.CutPrefix(s, "'")
	if inner, ok2 := strings.CutSuffix(inner, "'"); ok && ok2 {
		return strings.ReplaceAll(inner, quotedQuote, "'"), nil
	}
	return "", fmt.Errorf("%s is not in single quotes", s)
}
