// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch/module"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
	"github.com/autowasm/autowasm/internal/envoy"
)

// TestEveryImport: each Envoy links a module that imports every function which admission takes Envoy to provide, with
// the same signature, and runs none that imports one more.
func TestEveryImport(t *testing.T) {
	t.Parallel()
	table := hostFunctions(t)
	eachEnvoy(t, "imports", func(t *testing.T, w *Workload, v envoy.Version) {
		sidecar(t, w, ProxyOptions{Envoy: v})
		f := byHand{name: w.Name, workload: w, server: serveModules(t, w.Name+"-modules"), policy: v1alpha1.FailClosed, retries: 1}
		for _, abi := range []string{"0.1.0", "0.2.0", "0.2.1"} {
			all := append(importsOf(table, abi), wasmtest.Salt(abi))
			f.module = f.server.add(wasmtest.Module(append(all, wasmtest.Import("env", "proxy_nonsense", ":"))...))
			f.apply(t)
			waitThrough(t, w.URL(InboundPort), "200", "503")
			f.module = f.server.add(wasmtest.Module(all...))
			requireInspected(t, f.module)
			f.apply(t)
			waitThrough(t, w.URL(InboundPort), "503", "200")
		}
	})
}

// hostFunctions are the lines of the golden file that lists what the tables of fetch/module say of Envoy.
func hostFunctions(t *testing.T) (lines [][]string) {
	t.Helper()
	golden, err := os.ReadFile(filepath.Join(cluster.Checkout, "fetch", "module", "testdata", "host.golden"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(golden)) {
		lines = append(lines, strings.Fields(line)) // name, signature, ABIs, …
	}
	if len(lines) < 100 {
		t.Fatalf("the golden file lists %d functions", len(lines))
	}
	return lines
}

// importsOf are the imports of a module of an ABI that imports all that it can.
func importsOf(table [][]string, abi string) []wasmtest.Option {
	options := []wasmtest.Option{wasmtest.ABI(abi), wasmtest.NoImports()}
	letters := strings.NewReplacer("i32", "i", "i64", "I", ",", "", "(", "", ")", "", "->", ":")
	for _, line := range table {
		host, name, _ := strings.Cut(line[0], ".")
		if abis := strings.Split(line[2], ","); line[2] == "all" || slices.Contains(abis, abi) {
			options = append(options, wasmtest.Import(host, name, letters.Replace(line[1])))
		}
	}
	return options
}

// requireInspected requires that admission takes a module.
func requireInspected(t *testing.T, wasm []byte) {
	t.Helper()
	if _, err := module.Inspect(strings.NewReader(string(wasm)), int64(len(wasm))); err != nil {
		t.Error(err)
	}
}
