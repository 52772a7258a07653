// SPDX-License-Identifier: Apache-2.0

package store_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/autowasm/autowasm/fetch/module/wasmtest"
	"github.com/autowasm/autowasm/fetch/store"
)

// crashDir is set in a process that TestKilledWhileWriting started to be killed.
const crashDir = "AUTOWASM_STORE_CRASH_DIR"

// A process that is killed at any moment leaves a store that opens, in which every
// module is whole and has a record, and nothing else is left.
func TestKilledWhileWriting(t *testing.T) {
	if dir := os.Getenv(crashDir); dir != "" {
		writeForEver(t, dir)
	}
	dir, modules := t.TempDir(), 0
	for range 10 {
		runAndKill(t, dir)
		modules += expectSound(t, dir)
	}
	if modules == 0 {
		t.Error("no module survived: the processes wrote nothing")
	}
}

// writeForEver puts, names and evicts modules until the process is killed.
func writeForEver(t *testing.T, dir string) {
	s, err := store.Open(store.Options{Dir: dir, Retention: time.Nanosecond})
	if err != nil {
		t.Fatal(err)
	}
	for i := 1; ; i++ {
		info, err := s.Put(t.Context(), bytes.NewReader(crashModule(i%5)), "", store.Claim{})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.AddSource(fmt.Sprint("source ", i), info.SHA256); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Evict(func(string) bool { return i%7 > 0 }); err != nil {
			t.Fatal(err)
		}
		if i == 3 {
			fmt.Println("ready")
		}
	}
}

func crashModule(i int) []byte {
	return wasmtest.Module(wasmtest.Salt(fmt.Sprint(i)), wasmtest.Padding(300_000))
}

func runAndKill(t *testing.T, dir string) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestKilledWhileWriting$")
	cmd.Env = append(os.Environ(), crashDir+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	if line, err := lines.ReadString('\n'); line != "ready\n" {
		more, _ := io.ReadAll(lines)
		t.Errorf("the process wrote %q, %v, %s", line, err, more)
	}
	time.Sleep(rand.N(60 * time.Millisecond))
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}

// expectSound opens the store and returns how many modules it has.
func expectSound(t *testing.T, dir string) int {
	t.Helper()
	f := &fixture{t: t, o: store.Options{Dir: dir}}
	f.restart()
	usage := f.Usage()
	if files := f.files(); len(files) != 2*usage.Modules {
		t.Errorf("%d modules in the index, files %v", usage.Modules, files)
	}
	if left := f.temporary(); left != nil {
		t.Errorf("temporary files are left: %v", left)
	}
	for i := range 5 {
		sha := hashOf(crashModule(i))
		if _, ok := f.Lookup(sha); ok && hashOf(f.serve(sha)) != sha {
			t.Errorf("%s is damaged", filepath.Base(f.path(sha)))
		}
	}
	return usage.Modules
}
