// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func TestWrongUsage(t *testing.T) {
	at(t)
	write(t, "a.wasm", wasm)
	const reference = `"UPPER/x" is not an image reference: a repository has lower-case letters alone`
	tests := []struct {
		args []string
		err  string // without the prefix
		help string
	}{
		{[]string{"psh"}, `unknown command "psh"; did you mean push?`, "wasmc"},
		{[]string{"version", "x"}, "version takes no arguments", "wasmc version"},
		{[]string{"push"}, "push wants IMAGE", "wasmc push"},
		{[]string{"push", "a/bc", "--frob"}, "unknown flag: --frob", "wasmc push"},
		{[]string{"push", "a/bc"}, "push wants the module: -f FILE, or -f - for standard input", "wasmc push"},
		{[]string{"push", "a/bc", "-f", "a.wasm", "--format", "tar"}, `invalid argument "tar" for "--format" flag: not one of image, binary`, "wasmc push"},
		{[]string{"push", "a/bc", "-f", "a.wasm", "-o", "xml"}, `invalid argument "xml" for "-o, --output" flag: not one of text, json, yaml; a file is named by -f`, "wasmc push"},
		{[]string{"pull", "a/bc", "-o", "a.wasm"}, `invalid argument "a.wasm" for "-o, --output" flag: not one of text, json, yaml; a file is named by -f`, "wasmc pull"},
		{[]string{"push", "UPPER/x", "-f", "a.wasm"}, reference, "wasmc push"},
		{[]string{"push", "a b", "-f", "a.wasm"}, `"a b" is not an image reference such as registry.example/team/filter:v1: could not parse reference: a b`, "wasmc push"},
		{[]string{"push", "https://reg.example/x:v1", "-f", "a.wasm"}, `"https://reg.example/x:v1" is a URL: leave out https://, as in reg.example/x:v1; to a registry without TLS, use --plain-http`, "wasmc push"},
		{[]string{"push", "reg.example/bc@sha256:" + strings.Repeat("a", 64), "-f", "a.wasm"},
			"a digest cannot be pushed to, name a tag: reg.example/bc:v1", "wasmc push"},
		{[]string{"push", "a/bc", "-f", "-", "-u", "x", "--password-stdin"}, "-f - and --password-stdin cannot both read standard input", "wasmc push"},
		{[]string{"pull", "a/bc", "-u", "x"}, "--username and --password-stdin belong together", "wasmc pull"},
		{[]string{"pull", "a/bc", "--plain-http", "--insecure"}, "--plain-http excludes --insecure and --ca-file, which are about HTTPS", "wasmc pull"},
		{[]string{"inspect", "a/bc", "--insecure", "--ca-file", "x"}, "--insecure excludes --ca-file: it verifies nothing", "wasmc inspect"},
		{[]string{"inspect", "a/bc", "-o", "xml"}, `invalid argument "xml" for "-o, --output" flag: not one of text, json, yaml`, "wasmc inspect"},
		{[]string{"render"}, "render wants the AutoWasm: -f FILE, or -f - for standard input", "wasmc render"},
		{[]string{"render", "-f", "x", "--sha256", "abc"}, `--sha256 "abc" is not 64 hex digits`, "wasmc render"},
		{[]string{"render", "-f", "-", "-u", "x", "--password-stdin"}, "-f - and --password-stdin cannot both read standard input", "wasmc render"},
		{[]string{"migrate"}, "migrate wants the old objects: -f FILE, or -f - for standard input", "wasmc migrate"},
		{[]string{"migrate", "-f", "x", "--context", "inbound"}, `--context "inbound" is not one of Inbound, Outbound, Gateway`, "wasmc migrate"},
		{[]string{"check"}, "check wants a module, FILE or IMAGE, or AutoWasms: -f AUTOWASM", "wasmc check"},
		{[]string{"check", "-", "-f", "-"}, "only one of FILE, -f and --password-stdin can read standard input", "wasmc check"},
		{[]string{"init"}, "init wants DIR", "wasmc init"},
		{[]string{"init", "a", "--lang", "c"}, `invalid argument "c" for "--lang" flag: not one of go, rust, assemblyscript`, "wasmc init"},
		{[]string{"test", "a.wasm"}, "test wants the cases: -f TESTS", "wasmc test"},
		{[]string{"test", "a.wasm", "b.wasm", "-f", "x"}, "test takes at most FILE|IMAGE: name b.wasm with -f if it has cases", "wasmc test"},
		{[]string{"test", "a.wasm", "-f", "x", "--env", "A"}, `--env "A" is not NAME=VALUE`, "wasmc test"},
		{[]string{"test", "a.wasm", "-f", "x", "-w", "-o", "tap"}, "--watch prints text, and reads files: leave out -o and -", "wasmc test"},
		{[]string{"test", "reg.example/a:v1", "-f", "x", "-w"}, "--watch wants a file, and there is none of the name reg.example/a:v1", "wasmc test"},
		{[]string{"test", "a.wasm", "-f", "x", "-o", "xml"}, `invalid argument "xml" for "-o, --output" flag: not one of text, tap, junit, json, yaml; a file is named by -f`, "wasmc test"},
		{[]string{"run"}, "run wants FILE|IMAGE", "wasmc run"},
		{[]string{"run", "a.wasm", "--env", "A"}, `--env "A" is not NAME=VALUE`, "wasmc run"},
		{[]string{"run", "a.wasm", "--upstream", "localhost:80"}, `--upstream "localhost:80" is not a URL such as http://127.0.0.1:9080`, "wasmc run"},
		{[]string{"run", "a.wasm", "--log-level", "all"}, `invalid argument "all" for "--log-level" flag: not one of info, trace, debug, warn, error, critical`, "wasmc run"},
		{[]string{"run", "-", "-u", "x", "--password-stdin"}, "- and --password-stdin cannot both read standard input", "wasmc run"},
		{[]string{"build", "a", "b"}, "build takes at most DIR", "wasmc build"},
		{[]string{"build", ".", "--push", "UPPER/x"}, reference, "wasmc build"},
		{[]string{"login", "reg.example"}, "login wants a user name: -u USER", "wasmc login"},
		{[]string{"login", "reg.example", "-u", "x"}, "login wants a password: --password-stdin", "wasmc login"},
		{[]string{"login", "reg.example", "-u", "x", "-p", "y", "--password-stdin"}, "-p and --password-stdin exclude each other", "wasmc login"},
		{[]string{"login", "https://reg.example/x", "-u", "x"},
			`"https://reg.example/x" is not a registry's host such as registry.example or registry.example:5000: registries must be valid RFC 3986 URI authorities: https://reg.example/x`, "wasmc login"},
		{[]string{"logout"}, "logout wants HOST", "wasmc logout"},
		{[]string{"status", "a", "b"}, "status takes at most NAME", "wasmc status"},
		{[]string{"status", "a", "-A"}, "NAME and --all-namespaces exclude each other: name the namespace with -n", "wasmc status"},
	}
	for _, tt := range tests {
		t.Run(strings.Join(tt.args, " "), func(t *testing.T) {
			want := result{Code: exitUsage, Err: "wasmc: " + tt.err + "\nhint: see " + tt.help + " --help\n"}
			expect(t, want, wasmc(t, "", tt.args...))
		})
	}
}

func TestHelpGoesToStandardOutput(t *testing.T) {
	for _, args := range [][]string{nil, {"--help"}, {"push", "--help"}, {"completion", "zsh"}} {
		if out := succeed(t, args...); !strings.Contains(out, "wasmc") {
			t.Errorf("wasmc %s printed %q", strings.Join(args, " "), out)
		}
	}
}

// TestPluginOfKubectl: what is printed can be copied by who calls it so.
func TestPluginOfKubectl(t *testing.T) {
	for executable, want := range map[string]string{
		"wasmc": "wasmc", "/usr/bin/wasmc": "wasmc", "wasmc-linux": "wasmc", "C:/wasmc.exe": "wasmc",
		"/usr/bin/kubectl-wasmc": "kubectl wasmc", "kubectl-wasmc.exe": "kubectl wasmc", "kubectl-wasm_c": "kubectl wasm-c",
	} {
		if got := nameOf(executable); got != want {
			t.Errorf("%s is called %q, want %q", executable, got, want)
		}
	}
	at(t)
	tests := map[string][]string{
		"Usage:\n  kubectl wasmc push IMAGE -f FILE|- [flags]":                            {"push", "--help"},
		"\n  kubectl wasmc push registry.example/team/add-header:v1 -f add-header.wasm\n": {"push", "--help"},
		"\n  kubectl wasmc [command]":                                                     {"--help"},
		"hint: see kubectl wasmc push --help\n":                                           {"push"},
	}
	for want, args := range tests {
		var out strings.Builder
		run(t.Context(), streams{In: strings.NewReader(""), Out: &out, Err: &out}, "kubectl wasmc", args)
		if got := out.String(); !strings.Contains(got, want) || regexp.MustCompile(`(^|[^l]) wasmc `).MatchString(got) {
			t.Errorf("kubectl wasmc %s printed\n%s\nwithout %q, or wasmc by itself", strings.Join(args, " "), got, want)
		}
	}
}

func TestVersion(t *testing.T) {
	want := "wasmc dev " + runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH + "\n"
	for _, args := range [][]string{{"version"}, {"--version"}} {
		if got := succeed(t, args...); got != want {
			t.Errorf("wasmc %s printed %q, want %q", args[0], got, want)
		}
	}
	want = "go: " + runtime.Version() + "\nplatform: " + runtime.GOOS + "/" + runtime.GOARCH + "\nversion: dev\n"
	if got := succeed(t, "version", "-o", "yaml"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestValuesAreCompleted: every flag whose help lists values is completed with them by the shell, and -o is no other flag.
func TestValuesAreCompleted(t *testing.T) {
	completed := 0
	for _, command := range newRootCommand(streams{}, plainName).Commands() {
		command.LocalFlags().VisitAll(func(flag *pflag.Flag) {
			if flag.Shorthand == "o" && flag.Name != "output" {
				t.Errorf("-o of wasmc %s is --%s", command.Name(), flag.Name)
			}
			values, ok := flag.Value.(*choice)
			if !ok {
				return
			}
			completed++
			want := strings.Join(values.allowed, "\n") + "\n:4\n"
			if got := wasmc(t, "", "__complete", command.Name(), "--"+flag.Name, "").Out; got != want {
				t.Errorf("wasmc %s --%s is completed with %q, want %q", command.Name(), flag.Name, got, want)
			}
		})
	}
	if completed < 6 {
		t.Errorf("only %d flags are completed", completed)
	}
}

// commands are those that users see.
func commands() []*cobra.Command {
	return slices.DeleteFunc(newRootCommand(streams{}, plainName).Commands(), func(c *cobra.Command) bool { return c.Hidden })
}

// TestExamplesAreExplained: each command has some, and a comment is in front of each.
func TestExamplesAreExplained(t *testing.T) {
	for _, command := range commands() {
		if command.Example == "" {
			t.Errorf("wasmc %s has no example", command.Name())
		}
		for example := range strings.SplitSeq(command.Example, "\n\n") {
			lines := strings.Split(example, "\n")
			if len(lines) != 2 || !strings.HasPrefix(lines[0], "  # ") || !strings.Contains(lines[1], plainName+" "+command.Name()) {
				t.Errorf("wasmc %s has an example that is not a comment and a command:\n%s", command.Name(), example)
			}
		}
	}
}

// TestCommandsAreDocumented compares the commands and their flags with
// docs/wasmc.md, the flags both ways.
func TestCommandsAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/wasmc.md")
	if err != nil {
		t.Fatal(err)
	}
	have, listed := map[string]bool{}, map[string]bool{}
	for _, command := range commands() {
		if !strings.Contains(string(text), "wasmc "+command.Name()) {
			t.Errorf("docs/wasmc.md does not mention wasmc %s", command.Name())
		}
		command.LocalFlags().VisitAll(func(flag *pflag.Flag) { have[flag.Name] = true })
	}
	for _, match := range regexp.MustCompile("(?m)^\\| (?:`-[a-zA-Z]`, )?`--([a-z0-9-]+)` \\|").FindAllStringSubmatch(string(text), -1) {
		listed[match[1]] = true
	}
	delete(have, "help")
	if diff := cmp.Diff(have, listed); diff != "" {
		t.Errorf("flags of wasmc (-) and in docs/wasmc.md (+):\n%s", diff)
	}
}
