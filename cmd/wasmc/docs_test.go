package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
)

// TestCommandsAreDocumented compares the commands and their flags with
// docs/wasmc.md, the flags both ways.
func TestCommandsAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/wasmc.md")
	if err != nil {
		t.Fatal(err)
	}
	have, listed := map[string]bool{}, map[string]bool{}
	for _, command := range newRootCommand(streams{}).Commands() {
		if !strings.Contains(string(text), "wasmc "+command.Name()) {
			t.Errorf("docs/wasmc.md does not mention wasmc %s", command.Name())
		}
		command.LocalFlags().VisitAll(func(flag *pflag.Flag) { have[flag.Name] = true })
	}
	for _, match := range regexp.MustCompile("(?m)^\\| (?:`-[a-z]`, )?`--([a-z0-9-]+)` \\|").FindAllStringSubmatch(string(text), -1) {
		listed[match[1]] = true
	}
	delete(have, "help")
	if diff := cmp.Diff(have, listed); diff != "" {
		t.Errorf("flags of wasmc (-) and in docs/wasmc.md (+):\n%s", diff)
	}
}
