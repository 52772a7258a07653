// SPDX-License-Identifier: Apache-2.0

package trial

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/autowasm/autowasm/fetch/module/wasmtest"
	"github.com/autowasm/autowasm/render"
)

// children are what else this program does as a process of its own, by the first argument, with the second.
var children = map[string]func(string){}

// TestMain has this program be the child, too.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == Argument {
		if err := Child(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if len(os.Args) == 3 && children[os.Args[1]] != nil {
		children[os.Args[1]](os.Args[2])
		return
	}
	os.Exit(m.Run())
}

// example returns the committed module of a language.
func example(t testing.TB, language string) []byte {
	t.Helper()
	path := filepath.Join("..", "examples", "add-header-"+language, "add-header.wasm")
	if language == "cpp" {
		path = filepath.Join("..", "host", "testdata", "cpp", "emscripten.wasm")
	}
	wasm, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return wasm
}

// Code of modules.
var (
	trap    = []byte{0x00}
	no      = []byte{0x41, 0}                         // i32.const 0
	yes     = []byte{0x41, 1}                         // i32.const 1
	forever = []byte{0x03, 0x40, 0x0c, 0, 0x0b, 0x00} // loop, br 0, end; unreachable
)

// onConfigure answers its configuration by code.
func onConfigure(code ...byte) wasmtest.Option {
	return wasmtest.Function("proxy_on_configure", "ii:i", code...)
}

// onRequest answers a request by code.
func onRequest(code ...byte) wasmtest.Option {
	return wasmtest.Function("proxy_on_request_headers", "iii:i", code...)
}

// asking makes a module that asks for a property whose name is empty, and then goes on in proxy_on_configure.
func asking(code ...byte) []byte {
	ask := []byte{0x41, 0, 0x41, 1, 0x41, 0, 0x41, 8, 0x10, 1, 0x1a} // proxy_get_property(0, 1, 0, 8) of a zero, drop
	return wasmtest.Module(wasmtest.Import("env", "proxy_get_property", "iiii:i"), onConfigure(append(ask, code...)...))
}

// contextless makes a module that traps when a context of a request is to be made.
func contextless() []byte {
	return wasmtest.Module(wasmtest.Function("proxy_on_context_create", "ii:", 0x20, 1, 0x04, 0x40, 0x00, 0x0b))
}

// files opens modules in a directory, and counts how often.
type files struct {
	dir string

	mu     sync.Mutex
	opened int
}

func (f *files) open(sha256 string) (*os.File, error) {
	f.mu.Lock()
	f.opened++
	f.mu.Unlock()
	return os.Open(filepath.Join(f.dir, sha256))
}

// add keeps a module under a name, and returns the request to try it.
func (f *files) add(t testing.TB, name string, wasm []byte) Request {
	t.Helper()
	if err := os.WriteFile(filepath.Join(f.dir, name), wasm, 0o600); err != nil {
		t.Fatal(err)
	}
	return Request{Namespace: "shop", SHA256: name, Size: int64(len(wasm)), Settings: render.Settings{VMID: "shop.test"}}
}

// newTrials makes Trials in processes of this program.
func newTrials(t testing.TB, o Options) (*Trials, *files) {
	t.Helper()
	f := &files{dir: t.TempDir()}
	o.Open = f.open
	trials := New(o)
	t.Cleanup(trials.Stop)
	return trials, f
}

// mustTry makes a trial and waits for it.
func mustTry(t testing.TB, trials *Trials, r Request) Result {
	t.Helper()
	task := trials.Begin(r)
	if task == nil {
		t.Fatal("the trial could not begin")
	}
	result, ok := task.Wait(t.Context())
	if !ok {
		t.Fatal("the test ended before the trial")
	}
	return result
}
