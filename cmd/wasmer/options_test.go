// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
)

// execute runs the command with a server that only remembers its options.
func execute(t *testing.T, args ...string) (*options, string, error) {
	t.Helper()
	var got *options
	command := newCommand(func(_ context.Context, o *options) error {
		got = o
		return nil
	})
	var out bytes.Buffer
	command.SetOut(&out)
	command.SetErr(&out)
	command.SetArgs(args)
	err := command.ExecuteContext(t.Context())
	return got, out.String(), err
}

func TestDefaultsAreTheTutorials(t *testing.T) {
	t.Setenv("POD_NAMESPACE", "")
	o, _, err := execute(t)
	if err != nil {
		t.Fatal(err)
	}
	if want := "outbound|8081||wasmer.istio-system.svc.cluster.local"; o.render.Cluster != want {
		t.Errorf("cluster %q, want %q", o.render.Cluster, want)
	}
	if want := "http://wasmer.istio-system.svc.cluster.local:8081"; o.render.BaseURL != want {
		t.Errorf("base URL %q, want %q", o.render.BaseURL, want)
	}
	if o.store.MaxModuleBytes != 32<<20 || o.admission.Budget != 3*time.Second || !o.admission.Stage || o.admission.SourceCheck != "Enforce" || o.guard.AllowLoopback {
		t.Errorf("defaults %+v", o)
	}
}

func TestNamespaceIsThePods(t *testing.T) {
	t.Setenv("POD_NAMESPACE", "mesh")
	o, _, err := execute(t, "--service=modules", "--cluster-domain=example.org")
	if err != nil {
		t.Fatal(err)
	}
	if want := "outbound|8081||modules.mesh.svc.example.org"; o.render.Cluster != want {
		t.Errorf("cluster %q, want %q", o.render.Cluster, want)
	}
}

func TestInvalidFlags(t *testing.T) {
	tests := []struct {
		args []string
		want []string
	}{
		{[]string{"--source-check=Maybe"}, []string{"--source-check=Maybe", "Enforce, Warn or Off"}},
		{[]string{"--untested-proxies=No"}, []string{"--untested-proxies=No", "Allow, Warn or Refuse"}},
		{[]string{"--cert-mode=x"}, []string{"--cert-mode=x", "self or files"}},
		{[]string{"--log-level=trace"}, []string{"--log-level=trace", "error, info or debug"}},
		{[]string{"--log-format=xml"}, []string{"--log-format=xml", "json or text"}},
		{[]string{"--webhook=false", "--controller=false"}, []string{"nothing to run"}},
		{[]string{"--budget=9s"}, []string{"--budget=9s", "8s"}},
		{[]string{"--max-module-bytes=0", "--concurrent-fetches=-1"}, []string{"--max-module-bytes=0", "--concurrent-fetches=-1"}},
		{[]string{"--deny-cidrs=10.0.0.0/8,ten"}, []string{"--deny-cidrs", `"ten"`}},
		{[]string{"--web-address=8083"}, []string{"--web-address=8083", "127.0.0.1:8083"}},
		{[]string{"--web-address=localhost:http"}, []string{"--web-address=localhost:http"}},
		{[]string{"--no-such-flag"}, []string{"no-such-flag"}},
		{[]string{"argument"}, []string{"argument"}},
	}
	for _, tt := range tests {
		t.Run(strings.Join(tt.args, " "), func(t *testing.T) {
			_, _, err := execute(t, tt.args...)
			if err == nil {
				t.Fatal("accepted")
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error does not say %q: %v", want, err)
				}
			}
		})
	}
}

// TestFlagsAreDocumented compares the flags with their table in
// docs/operations.md, both ways.
func TestFlagsAreDocumented(t *testing.T) {
	t.Setenv("POD_NAMESPACE", "")
	documented := documentedFlags(t)
	have, listed := map[string]bool{}, map[string]bool{}
	for name := range documented {
		listed[name] = true
	}
	newCommand(nil).Flags().VisitAll(func(flag *pflag.Flag) {
		have[flag.Name] = true
		if cell, ok := documented[flag.Name]; ok && !hasDefault(cell, flag.DefValue) {
			t.Errorf("--%s has the default %s, docs/operations.md says %s", flag.Name, flag.DefValue, cell)
		}
	})
	if diff := cmp.Diff(have, listed); diff != "" {
		t.Errorf("flags of wasmer (-) and in docs/operations.md (+):\n%s", diff)
	}
}

var flagRow = regexp.MustCompile("(?m)^\\| `--([a-z-]+)` \\| (.*?) ?\\| [^|]*\\|$")

// documentedFlags returns the cells with the defaults, by the flag's name.
func documentedFlags(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{}
	for _, match := range flagRow.FindAllStringSubmatch(string(text), -1) {
		rows[match[1]] = match[2]
	}
	return rows
}

// hasDefault checks no flag whose default depends on others or is none.
func hasDefault(cell, value string) bool {
	if value == "" || value == "[]" || strings.Contains(cell, "`"+value+"`") {
		return true
	}
	want, err := time.ParseDuration(value)
	if err != nil {
		return false
	}
	got, err := time.ParseDuration(strings.Trim(cell, "`"))
	return err == nil && got == want
}
