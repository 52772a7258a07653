// SPDX-License-Identifier: Apache-2.0

package behaviour

import (
	"strings"
	"testing"

	"github.com/autowasm/autowasm/e2e/suite"
	"github.com/autowasm/autowasm/fetch/image"
	"github.com/autowasm/autowasm/fetch/module"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
)

// TestModulesThatCannotRun: each is refused with its own words.
func TestModulesThatCannotRun(t *testing.T) {
	t.Parallel()
	ns := cluster.Namespace(t)
	tests := []struct {
		name   string
		module []byte
		words  []string
	}{
		{"not-wasm", wasmtest.NotWasm(), []string{"WebAssembly"}},
		{"component", wasmtest.Component(), []string{"component"}},
		{"no-abi", wasmtest.NoABI(), []string{"proxy_abi_version"}},
		{"no-allocator", wasmtest.NoAllocator(), []string{"malloc", "proxy_on_memory_allocate"}},
		{"unknown-import", wasmtest.UnknownImport("env", "proxy_nonsense"), []string{"env.proxy_nonsense (no Envoy up to 1.40 provides it)"}},
		{"truncated", wasmtest.Truncated(), nil},
		{"too-large", wasmtest.Module(wasmtest.Padding(module.MaxSize + 1)), []string{"larger than the limit of 32 MiB"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			img, err := image.Binary(tt.module, "0.2.1")
			if err != nil {
				t.Fatal(err)
			}
			ref := cluster.Push(t, "refused/"+tt.name+":v1", img)
			reason := cluster.Refused(t, ns, suite.Manifest{Name: tt.name, Source: suite.Image(ref)}.String(), tt.words...)
			if !strings.Contains(reason, "spec.filter.source.registry.image") {
				t.Errorf("the refusal does not name the field: %s", reason)
			}
		})
	}
}

// TestSchemaRefuses: what the schema and CEL can say, they say, each with its
// field.
func TestSchemaRefuses(t *testing.T) {
	t.Parallel()
	ns := cluster.Namespace(t)
	some := suite.Image("reg.example/x:v1")
	sum := strings.Repeat("a", 64)
	tests := []struct {
		name     string
		manifest string
		words    []string
	}{
		{"no source", suite.Manifest{Name: "x", Source: "{}"}.String(), []string{"exactly one of"}},
		{"two sources", suite.Manifest{Name: "x", Source: `{registry: {image: a}, object: {url: "https://a/b"}}`}.String(), []string{"exactly one of"}},
		{"port 0", suite.Manifest{Name: "x", Source: some, Filter: "applyPorts: [0]"}.String(), []string{"applyPorts[0]"}},
		{"port 65536", suite.Manifest{Name: "x", Source: some, Filter: "applyPorts: [65536]"}.String(), []string{"applyPorts[0]"}},
		{"port twice", suite.Manifest{Name: "x", Source: some, Filter: "applyPorts: [80, 80]"}.String(), []string{"applyPorts", "each port may be given only once"}},
		{"sha256", suite.Manifest{Name: "x", Source: suite.Object("https://a/b", "abc")}.String(), []string{"sha256"}},
		{"upper-case sha256", suite.Manifest{Name: "x", Source: suite.Object("https://a/b", strings.ToUpper(sum))}.String(), []string{"sha256"}},
		{"relative URL", suite.Manifest{Name: "x", Source: suite.Object("/a/b", "")}.String(), []string{"absolute http or https URL"}},
		{"ftp URL", suite.Manifest{Name: "x", Source: suite.Object("ftp://a/b", "")}.String(), []string{"absolute http or https URL"}},
		{"URL with a password", suite.Manifest{Name: "x", Source: suite.Object("https://u:p@a/b", "")}.String(), []string{"user information"}},
		{"unknown field", suite.Manifest{Name: "x", Source: some, Filter: "rootId: typo"}.String(), []string{`unknown field "spec.filter.rootId"`}},
		{"long rootID", suite.Manifest{Name: "x", Source: some, Filter: "rootID: " + strings.Repeat("r", 300)}.String(), []string{"rootID"}},
		{"long vmID", suite.Manifest{Name: "x", Source: some, Filter: "vmID: " + strings.Repeat("v", 300)}.String(), []string{"vmID"}},
		{"wildcard", strings.ReplaceAll(suite.Manifest{Name: "x", Source: some}.String(), "app: details", `app: "*"`), []string{"matchLabels", "label value"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { cluster.Refused(t, ns, tt.manifest, tt.words...) })
	}
}

// TestUnknownFieldsUnderConfigAreTheUsers: the plugin's configuration is free.
func TestUnknownFieldsUnderConfigAreTheUsers(t *testing.T) {
	t.Parallel()
	ns := cluster.Namespace(t)
	ref, _ := pushed(t, "config:v1")
	aw := synced(t, ns, suite.Manifest{Name: "config", Source: suite.Image(ref), Filter: "config: {anything: {goes: [1, 2.50, 9007199254740993]}}"})
	if got, want := string(aw.Spec.Filter.Config.Raw), `{"anything":{"goes":[1,2.5,9007199254740993]}}`; got != want {
		t.Errorf("the configuration is %s, want %s", got, want)
	}
}
