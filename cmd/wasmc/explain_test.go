// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/autowasm/autowasm/fetch/image/imagetest"
	"github.com/autowasm/autowasm/fetch/module"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
)

const keysYAML = `type: object
required: [keys]
properties:
  keys:
    description: Who may pass.
    type: array
    items: {type: string, minLength: 6}
`

const keysExplained = `FIELD: spec.filter.config <Object>

DESCRIPTION:
    <empty>

FIELDS:
  keys	<[]string> -required-
    Who may pass.
`

// TestPushWithASchema: the schema travels in the module, whatever the format, and the same files give the same digest.
func TestPushWithASchema(t *testing.T) {
	at(t)
	host := newRegistry(t)
	write(t, "a.wasm", wasm)
	write(t, "schema.yaml", []byte(keysYAML))
	for _, format := range []string{"image", "binary"} {
		ref := host + "/team/" + format + ":v1"
		push := []string{"push", ref, "-f", "a.wasm", "--schema", "schema.yaml", "--format", format}
		if first, again := succeed(t, push...), succeed(t, push...); first != again {
			t.Errorf("%s: %s, then %s", format, first, again)
		}
		if diff := cmp.Diff(keysExplained, succeed(t, "explain", ref)); diff != "" {
			t.Errorf("%s: %s", format, diff)
		}
		if out := succeed(t, "inspect", ref); !strings.Contains(out, "Schema:     146 bytes: wasmc explain shows it\n") {
			t.Error(out)
		}
		succeed(t, "pull", ref, "-f", "pulled.wasm")
	}
	if out := succeed(t, "explain", "./pulled.wasm", "--recursive"); !strings.HasSuffix(out, "FIELDS:\n  keys\t<[]string> -required-\n") {
		t.Error(out)
	}
	for _, field := range []string{"keys", "spec.filter.config.keys"} {
		if out := succeed(t, "explain", "./pulled.wasm", field); !strings.HasPrefix(out, "FIELD: spec.filter.config.keys <[]string>\n") {
			t.Error(out)
		}
	}
}

func TestExplainFails(t *testing.T) {
	at(t)
	write(t, "a.wasm", wasm)
	write(t, "bad.yaml", []byte("type: text"))
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"explain", "./a.wasm"}, "the module carries no schema of its configuration: wasmc push --schema FILE adds one"},
		{[]string{"push", "localhost:1/a:v1", "-f", "a.wasm", "--schema", "bad.yaml"}, "bad.yaml: type: must be one of"},
		{[]string{"push", "localhost:1/a:v1", "-f", "a.wasm", "--schema", "none.yaml"}, "read the schema: open none.yaml"},
	} {
		if got := wasmc(t, "", tt.args...); got.Code == 0 || !strings.Contains(got.Err, tt.want) {
			t.Errorf("%q: %+v", tt.args, got)
		}
	}
}

// TestExplainOutput: -o json and -o yaml are the schema itself.
func TestExplainOutput(t *testing.T) {
	at(t)
	write(t, "a.wasm", carrying(t, `{"type":"object","properties":{"keys":{"type":"array","items":{"type":"string"},"x-mine":1}}}`))
	const ofKeys = "items:\n  type: string\ntype: array\nx-mine: 1\n"
	if diff := cmp.Diff(ofKeys, succeed(t, "explain", "./a.wasm", "keys", "-o", "yaml")); diff != "" {
		t.Error(diff)
	}
	if out := succeed(t, "explain", "./a.wasm", "-o", "json"); !strings.HasPrefix(out, "{\n  \"properties\": {\n    \"keys\": {") {
		t.Error(out)
	}
}

func carrying(t *testing.T, schema string) []byte {
	t.Helper()
	carried, err := module.WithSchema(wasm, []byte(schema))
	if err != nil {
		t.Fatal(err)
	}
	return carried
}

// higressPlugin pushes an image as Higress has them, of a module with its ABI and a spec.yaml.
func higressPlugin(t *testing.T, spec string) string {
	t.Helper()
	plugin := imagetest.Gzip(imagetest.Tar("plugin.wasm", string(wasmtest.Module(wasmtest.ABI("0.2.100")))))
	i := imagetest.Image{ConfigType: "application/vnd.oci.empty.v1+json", Layers: []imagetest.Layer{
		{MediaType: "application/vnd.module.wasm.spec.v1+yaml", Content: []byte(spec), Title: "spec.yaml"},
		{MediaType: types.OCILayer, Content: plugin, Title: "plugin.tar.gz"},
	}}
	image := newRegistry(t) + "/plugins/key-auth:1.0.0"
	ref, err := name.ParseReference(image)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(ref, i.Build(t)); err != nil {
		t.Fatal(err)
	}
	return image
}

// TestHigress: what is in an image of theirs is shown, and that its module needs their fork.
func TestHigress(t *testing.T) {
	at(t)
	const spec = "apiVersion: 1.0.0\nspec:\n  configSchema:\n    openAPIV3Schema:\n"
	image := higressPlugin(t, spec+indented(keysYAML))
	if diff := cmp.Diff(keysExplained, succeed(t, "explain", image)); diff != "" {
		t.Error(diff)
	}
	out := succeed(t, "inspect", image)
	for _, want := range []string{
		"Schema:     in spec.yaml, which wasmer does not read: wasmc push --schema adds it to the module\n",
		"AutoWasm            no: a Proxy-Wasm module for Higress's fork of Envoy",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in %s", want, out)
		}
	}
	if out := succeed(t, "inspect", higressPlugin(t, "apiVersion: 1.0.0")); strings.Contains(out, "Schema:") {
		t.Errorf("without a schema: %s", out)
	}
	if out := succeed(t, "inspect", higressPlugin(t, spec+"      type: text")); !strings.Contains(out, "Schema:     in spec.yaml, cannot be used: type: must be one of") {
		t.Errorf("with a broken one: %s", out)
	}
}

func indented(yaml string) string {
	return "      " + strings.ReplaceAll(strings.TrimSpace(yaml), "\n", "\n      ")
}
