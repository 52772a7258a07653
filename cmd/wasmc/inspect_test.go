// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/autowasm/autowasm/fetch/module"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
)

// inspected leaves out of what was printed all that depends on the registry, on
// how test modules are built, and on the words of the inspection.
func inspected(out, host string, content []byte) string {
	replacements := []string{
		host, "HOST", sum(content), "SHA256",
		fmt.Sprintf("%d bytes", len(content)), "SIZE bytes", fmt.Sprintf(`"size": %d`, len(content)), `"size": SIZE`,
	}
	if _, refusal := module.Inspect(bytes.NewReader(content), int64(len(content))); refusal != nil {
		replacements = append(replacements, oneLine(refusal.Error()), "REFUSAL")
	}
	out = strings.NewReplacer(replacements...).Replace(out)
	return digest.ReplaceAllString(out, "sha256:DIGEST")
}

var digest = regexp.MustCompile(`sha256:[0-9a-f]{64}`)

func TestInspectAnImage(t *testing.T) {
	root := source(t)
	at(t)
	host := newRegistry(t)
	write(t, "a.wasm", wasm)
	for _, format := range []string{"image", "binary"} {
		image := host + "/team/" + format + ":v1"
		succeed(t, "push", image, "-f", "a.wasm", "--format", format)
		golden(t, root, "inspect-"+format+".txt", inspected(succeed(t, "inspect", image), host, wasm))
	}
	golden(t, root, "inspect-image.json", inspected(succeed(t, "inspect", host+"/team/image:v1", "-o", "json"), host, wasm))
	put(t, host+"/team/oras:v1", "application/wasm", string(wasm))
	golden(t, root, "inspect-artifact.txt", inspected(succeed(t, "inspect", host+"/team/oras:v1"), host, wasm))
}

// TestInspectASchema: in text a line of it, in JSON all of it, or why it cannot be used.
func TestInspectASchema(t *testing.T) {
	root := source(t)
	at(t)
	for name, schema := range map[string]string{"schema": `{"type":"string","description":"<\u001b[2J"}`, "broken-schema": `{"$ref":"#/\u001b[2J"}`} {
		carried := carrying(t, schema)
		write(t, "a.wasm", carried)
		for _, output := range []string{"text", "json"} {
			golden(t, root, "inspect-"+name+"."+strings.Replace(output, "text", "txt", 1), inspected(succeed(t, "inspect", "./a.wasm", "-o", output), "HOST", carried))
		}
	}
}

func TestInspectAFile(t *testing.T) {
	root := source(t)
	at(t)
	for name, content := range map[string][]byte{
		"file.txt": wasm, "no-abi.txt": wasmtest.NoABI(), "component.txt": wasmtest.Component(), "text.txt": wasmtest.NotWasm(),
		"hostile.txt": wasmtest.Module(wasmtest.Import("env", "\x1b[2J", ":")),
	} {
		write(t, "a.wasm", content)
		out := succeed(t, "inspect", "./a.wasm")
		golden(t, root, "inspect-"+name, inspected(out, "HOST", content))
		if bare := succeed(t, "inspect", "a.wasm"); bare != out {
			t.Errorf("by its bare name: %s", bare)
		}
		if piped := wasmc(t, string(content), "inspect", "-"); piped.Out != out {
			t.Errorf("from standard input: %+v", piped)
		}
	}
}

// TestInspectChecks: what no Envoy can load is printed as without --check, and fails.
func TestInspectChecks(t *testing.T) {
	at(t)
	write(t, "good.wasm", wasm)
	write(t, "bad.wasm", wasmtest.NoABI())
	for _, output := range []string{"text", "json", "yaml"} {
		expect(t, result{Out: succeed(t, "inspect", "./good.wasm", "-o", output)}, wasmc(t, "", "inspect", "./good.wasm", "--check", "-o", output))
		got, bad := wasmc(t, "", "inspect", "./bad.wasm", "--check", "-o", output), wasmtest.NoABI()
		_, refusal := module.Inspect(bytes.NewReader(bad), int64(len(bad)))
		expect(t, result{
			Code: exitFailed, Out: succeed(t, "inspect", "./bad.wasm", "-o", output),
			Err: "wasmc: inspect ./bad.wasm: no Envoy can load it: " + oneLine(refusal.Error()) + "\n",
		}, got)
	}
}

func TestInspectUnpacksAFile(t *testing.T) {
	at(t)
	write(t, "plugin.wasm", wasm)
	if out, err := exec.Command("tar", "-czf", "plugin.tar.gz", "plugin.wasm").CombinedOutput(); err != nil {
		t.Fatalf("tar: %v: %s", err, out)
	}
	if out := succeed(t, "inspect", "plugin.tar.gz"); !strings.Contains(out, sum(wasm)) {
		t.Errorf("inspect printed %s", out)
	}
}

func TestInspectRefuses(t *testing.T) {
	at(t)
	host := newRegistry(t)
	if err := os.Mkdir(filepath.Join(".", "dir"), 0o755); err != nil {
		t.Fatal(err)
	}
	for target, want := range map[string]string{
		"./absent.wasm":     "wasmc: inspect ./absent.wasm: not a file: stat ./absent.wasm: no such file or directory\n",
		"./dir":             "wasmc: inspect ./dir: not a file: it is a directory\n",
		host + "/team/a:v1": "wasmc: inspect " + host + "/team/a:v1: GET http://" + host + "/v2/team/a/manifests/v1: NAME_UNKNOWN: Unknown name\nhint: check the name and the tag; some registries also hide what one may not read\n",
	} {
		expect(t, result{Code: exitFailed, Err: want}, wasmc(t, "", "inspect", target))
	}
}
