// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/autowasm/autowasm/fetch/module/wasmtest"
	"github.com/autowasm/autowasm/internal/manifest"
	"github.com/autowasm/autowasm/render/rendertest"
)

const digits = "750d63889653e7117fcbc0831f10f0e1d3f7ec0c82fe5787b71d08a783e3393f"

// autoWasm is an AutoWasm with a source.
func autoWasm(name, source string) string {
	return fmt.Sprintf(`apiVersion: wasm.tcm.io/v1alpha1
kind: AutoWasm
metadata:
  name: %s
spec:
  selector:
    matchLabels:
      app: details
  filter:
    applyPorts: [9080]
    rootID: test
    source: %s
    config: {header: hello}
`, name, source)
}

// Nothing listens at reg.example: whatever called it would fail.
func TestRenderOffline(t *testing.T) {
	root := source(t)
	at(t)
	tests := []struct {
		name   string
		source string
		args   []string
	}{
		{"registry", `{registry: {image: "reg.example/wasm-add-header:v0.3"}}`, []string{"--sha256", strings.ToUpper(digits)}},
		{"registry-digest", `{registry: {image: "reg.example/wasm-add-header:v0.3@sha256:` + digits + `"}}`, []string{"--sha256", digits}},
		{"object", `{object: {url: "https://reg.example/filter.wasm?signature=secret", sha256: ` + digits + `}}`, nil},
		{"configmap", `{configMap: {name: filters, key: a.wasm}}`, []string{"--sha256", digits, "-n", "other"}},
		{"elsewhere", `{object: {url: "https://reg.example/filter.wasm", sha256: ` + digits + `}}`,
			[]string{"--cluster", "outbound|80||m.x.svc.local", "--base-url", "http://m.x.svc.local"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			write(t, "aw.yaml", []byte(autoWasm("test", tt.source)))
			out := succeed(t, append([]string{"render", "-f", "aw.yaml"}, tt.args...)...)
			golden(t, root, "render-"+tt.name+".yaml", out)
			if strings.Contains(out, "secret") {
				t.Error("the signature of the URL is shown")
			}
			piped := wasmc(t, autoWasm("test", tt.source), append([]string{"render", "-f", "-"}, tt.args...)...)
			expect(t, result{Out: out}, piped)
		})
	}
}

// What is printed is what the server stages.
func TestRenderIsWhatTheServerDoes(t *testing.T) {
	for _, c := range rendertest.Cases(t, "../../render/testdata") {
		t.Run(c.Name, func(t *testing.T) {
			input, err := yaml.Marshal(c.AutoWasm)
			if err != nil {
				t.Fatal(err)
			}
			got := wasmc(t, string(input), "render", "-f", "-", "--sha256", c.Module.SHA256)
			if diff := cmp.Diff(c.Want, got.Out); diff != "" {
				t.Errorf("bytes (-want +got):\n%s\n%s", diff, got.Err)
			}
		})
	}
}

// What is fetched gives the same as what is known.
func TestRenderFetches(t *testing.T) {
	at(t)
	host := newRegistry(t)
	write(t, "a.wasm", wasm)
	digest := digestOf(t, succeed(t, "push", host+"/team/a:v1", "-f", "a.wasm"))
	objects := httptest.NewServer(http.FileServer(http.Dir(".")))
	defer objects.Close()
	tests := []struct{ name, fetched, known string }{
		{"a tag", fmt.Sprintf(`{registry: {image: "%s/team/a:v1"}}`, host), fmt.Sprintf("%s/team/a@%s", host, digest)},
		{"a digest", fmt.Sprintf(`{registry: {image: "%s/team/a@%s"}}`, host, digest), fmt.Sprintf("%s/team/a@%s", host, digest)},
		{"a URL", fmt.Sprintf(`{object: {url: "%s/a.wasm"}}`, objects.URL), objects.URL + "/a.wasm"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			write(t, "aw.yaml", []byte(autoWasm("test", tt.fetched)))
			fetched := wasmc(t, "", "render", "-f", "aw.yaml").Out // a warning is fine
			offline := wasmc(t, "", "render", "-f", "aw.yaml", "--sha256", sum(wasm)).Out
			if !strings.Contains(fetched, "wasm.tcm.io/reference: "+tt.known+"\n") {
				t.Errorf("the reference is missing in\n%s", fetched)
			}
			if diff := cmp.Diff(withoutReference(offline), withoutReference(fetched)); diff != "" {
				t.Errorf("(-offline +fetched)\n%s", diff)
			}
		})
	}
}

func withoutReference(yaml string) string {
	before, rest, ok := strings.Cut(yaml, "    wasm.tcm.io/reference: ")
	if !ok {
		return yaml
	}
	_, after, _ := strings.Cut(rest, "\n")
	return before + after
}

func TestRenderSeveral(t *testing.T) {
	at(t)
	object := `{object: {url: "https://reg.example/filter.wasm", sha256: ` + digits + `}}`
	one, two := autoWasm("one", object), autoWasm("two", object)
	both := wasmc(t, "---\n"+one+"---\n---\n# nothing\n---\n"+two, "render", "-f", "-")
	expect(t, result{Out: wasmc(t, one, "render", "-f", "-").Out + "---\n" + wasmc(t, two, "render", "-f", "-").Out}, both)
}

// TestRenderTakesWhatIsThere: Lists are taken apart, other kinds are skipped, and a ConfigMap gives the module that is in it.
func TestRenderTakesWhatIsThere(t *testing.T) {
	at(t)
	fromConfigMap := autoWasm("test", `{configMap: {name: filters, key: a.wasm}}`)
	want := wasmc(t, fromConfigMap, "render", "-f", "-", "--sha256", sum(wasm)).Out
	object := func(text string) json.RawMessage {
		raw, err := yaml.YAMLToJSON([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	cm := fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: filters}\nbinaryData: {a.wasm: %s}\n", base64.StdEncoding.EncodeToString(wasm))
	other := "apiVersion: v1\nkind: Namespace\nmetadata: {name: x}\n"
	list := func(kind string, objects ...string) string {
		items := []json.RawMessage{}
		for _, o := range objects {
			items = append(items, object(o))
		}
		raw, err := json.Marshal(map[string]any{"apiVersion": "v1", "kind": kind, "items": items})
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	tests := []struct{ name, input, note string }{
		{"documents", cm + "---\n" + fromConfigMap, ""},
		{"a List", list("List", fromConfigMap, cm), ""},
		{"an AutoWasmList", cm + "---\n" + list("AutoWasmList", fromConfigMap), ""},
		{"others", list("List", other, other, cm, fromConfigMap) + "\n---\n" + strings.ReplaceAll(cm, "filters", "x"),
			"note: skipped Namespace x of v1 (document 1, items[0])\nnote: skipped Namespace x of v1 (document 1, items[1])\n" +
				"note: skipped ConfigMap default/x of v1 (document 2)\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			expect(t, result{Out: want, Err: tt.note}, wasmc(t, tt.input, "render", "-f", "-"))
		})
	}
}

// TestRenderAsJSON: one object, or a List of several, so that it is one document.
func TestRenderAsJSON(t *testing.T) {
	at(t)
	object := `{object: {url: "https://reg.example/filter.wasm", sha256: ` + digits + `}}`
	one, two := autoWasm("one", object), autoWasm("two", object)
	render := func(input string) (fromYAML, fromJSON any) {
		for output, into := range map[string]*any{"yaml": &fromYAML, "json": &fromJSON} {
			got := wasmc(t, input, "render", "-f", "-", "-o", output)
			if err := yaml.Unmarshal([]byte(got.Out), into); err != nil {
				t.Fatalf("%v in %+v", err, got)
			}
		}
		return fromYAML, fromJSON
	}
	first, firstJSON := render(one)
	second, _ := render(two)
	if diff := cmp.Diff(first, firstJSON); diff != "" {
		t.Errorf("(-YAML +JSON)\n%s", diff)
	}
	_, both := render(one + "---\n" + two)
	if diff := cmp.Diff(map[string]any{"apiVersion": "v1", "kind": "List", "items": []any{first, second}}, both); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestRenderRefuses(t *testing.T) {
	at(t)
	host := newRegistry(t)
	objects := httptest.NewServer(http.FileServer(http.Dir(".")))
	defer objects.Close()
	write(t, "bad.wasm", wasmtest.NoABI())
	const known = `{object: {url: "https://reg.example/filter.wasm", sha256: ` + digits + `}}`
	tests := []struct {
		name, input string
		args        []string
		want        string // part of the message
	}{
		{"nothing", "", nil, "there is no AutoWasm in it"},
		{"not YAML", "a: [", nil, "document 1: yaml: line 1: "},
		{"not an object", "- a", nil, "document 1: not an object"},
		{"another kind", "apiVersion: v1\nkind: Pod\n", nil, "there is no AutoWasm in it: skipped Pod of v1 (document 1)"},
		{"another version", strings.ReplaceAll(autoWasm("test", known), "v1alpha1", "v9"), nil,
			"document 1: AutoWasm default/test is of wasm.tcm.io/v9, and this wasmc reads wasm.tcm.io/v1alpha1"},
		{"a List of no objects", "apiVersion: v1\nkind: List\nitems: [a]\n", nil, "document 1: items[0]: not an object"},
		{"too much", strings.Repeat("#", manifest.MaxBytes+1), nil, "it has more than 16 MiB: split it"},
		{"an unknown field", autoWasm("test", known) + "  selektor: {}\n", nil, `unknown field "spec.selektor"`},
		{"a field twice", autoWasm("test", known) + "kind: AutoWasm\n", nil, `key "kind" already set in map`},
		{"a field of other letters", autoWasm("test", known) + "  Secret: x\n", nil, `unknown field "spec.Secret"`},
		{"an invalid port", strings.ReplaceAll(autoWasm("test", known), "9080", "70000"), nil, "AutoWasm default/test: spec.filter.applyPorts[0]: "},
		{"two sources", autoWasm("test", `{configMap: {name: a, key: b}, registry: {image: a/bc}}`), nil, "spec.filter.source: "},
		{"no name", strings.ReplaceAll(autoWasm("test", known), "name: test", "generateName: test-"), nil, "metadata.name: a name that is generated is not known yet: give it a name"},
		{"a ConfigMap", autoWasm("test", `{configMap: {name: a, key: b}}`), nil, "the module is in ConfigMap default/a, which is not read from a cluster, and the file does not have it under binaryData.b: add the ConfigMap, or give the module's sha256 with --sha256"},
		{"one hash for two", autoWasm("a", known) + "---\n" + autoWasm("b", known), []string{"--sha256", digits}, "--sha256 is that of one module, and there are 2 AutoWasms"},
		{"an absent image", autoWasm("test", `{registry: {image: "`+host+`/team/a:v1"}}`), nil, "NAME_UNKNOWN"},
		{"an absent object", autoWasm("test", `{object: {url: "`+objects.URL+`/none.wasm?signature=secret"}}`), nil, "/none.wasm: 404 Not Found"},
		{"an unreachable object", autoWasm("test", `{object: {url: "http://127.0.0.1:1/a.wasm?signature=secret"}}`), nil, "GET http://127.0.0.1:1/a.wasm: dial tcp"},
		{"a bad module", autoWasm("test", `{object: {url: "`+objects.URL+`/bad.wasm"}}`), nil, "proxy_abi_version_"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := wasmc(t, tt.input, append([]string{"render", "-f", "-"}, tt.args...)...)
			if got.Code == exitOK || got.Out != "" || !strings.Contains(got.Err, tt.want) {
				t.Errorf("got %+v, want %q", got, tt.want)
			}
			if strings.Contains(got.Err, "secret") {
				t.Error("the signature of the URL is shown")
			}
		})
	}
	if got := wasmc(t, "", "render", "-f", "absent.yaml"); got.Code != exitFailed || !strings.Contains(got.Err, "absent.yaml") {
		t.Errorf("%+v", got)
	}
}
