// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/autowasm/autowasm/e2e/env"
)

// A session is the command, used in a directory of its own.
type session struct {
	program, dir string
	children     int // how many the supervisor has
}

func newSession(t *testing.T) session {
	t.Helper()
	s := session{program: filepath.Join(t.TempDir(), "env"), dir: t.TempDir(), children: 5}
	if out, err := exec.Command("go", "build", "-o", s.program, ".").CombinedOutput(); err != nil {
		t.Fatalf("build the command: %v\n%s", err, out)
	}
	t.Cleanup(func() { s.run(t, 0, "down") })
	return s
}

// run runs a command, which is to end with the exit code, and returns what it printed.
func (s session) run(t *testing.T, code int, command string, args ...string) string {
	t.Helper()
	cmd := exec.Command(s.program, append([]string{command, "-dir", s.dir}, args...)...)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != code {
		t.Fatalf("env %s: %v, want exit code %d\n%s", command, err, code, out)
	}
	return string(out)
}

// TestUpAndDown uses an environment as a developer does, from a shell.
func TestUpAndDown(t *testing.T) {
	s := newSession(t)
	want(t, s.run(t, 0, "up", "-without-wasmer"), "The environment is ready")
	want(t, s.run(t, 0, "up", "-without-wasmer"), "already up")
	want(t, s.run(t, 0, "status"), "The environment is ready", "REGISTRY", "OBJECTS_URL")
	want(t, s.shell(t, `kubectl get crd envoyfilters.networking.istio.io autowasms.wasm.tcm.io -o name`),
		"customresourcedefinition.apiextensions.k8s.io/autowasms.wasm.tcm.io")
	want(t, s.get(t, `http://$REGISTRY/v2/`), "{}")
	want(t, s.get(t, `http://$PRIVATE_REGISTRY_USERNAME:$PRIVATE_REGISTRY_PASSWORD@$PRIVATE_REGISTRY/v2/`), "{}")
	s.shell(t, `echo hello >"$OBJECTS_DIR/x"`)
	want(t, s.get(t, `$OBJECTS_URL/x`), "hello")

	group := s.processes(t)
	want(t, s.run(t, 0, "down"), "The environment is down.")
	want(t, s.run(t, 0, "down"), "The environment is down.")
	wantGone(t, group)
	entries, err := os.ReadDir(s.dir)
	if err != nil || len(entries) != 1 || entries[0].Name() != "log" {
		t.Errorf("left: %v, %v", entries, err)
	}
}

// TestDeathOfAPart kills one and asks each command for it.
func TestDeathOfAPart(t *testing.T) {
	s := newSession(t)
	s.run(t, 0, "up", "-without-wasmer")
	if err := syscall.Kill(s.child(t, "registry"), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	const death = "registry died: signal: killed"
	s.waitForFailure(t)
	want(t, s.run(t, 1, "status"), death, "listening on", "make down")
	want(t, s.run(t, 1, "up", "-without-wasmer"), "already up", death)
	want(t, readFile(t, filepath.Join(s.dir, "log", "env.log")), death)
	want(t, s.run(t, 0, "down"), death, "The environment is down.")
}

// TestMeshWithoutEnvoy goes on without proxies where no Envoy can be had, says how to have one, and reports the death
// of a part of the mesh as of any other.
func TestMeshWithoutEnvoy(t *testing.T) {
	t.Setenv("ENVOY", "/no/such/envoy")
	s := newSession(t)
	s.children = 7 // with wasmer and istiod
	want(t, s.run(t, 0, "up"), "without proxies: set ENVOY", "/no/such/envoy", "The environment is ready", "ISTIOD")
	want(t, s.shell(t, `kubectl get pod details-1 -o name; echo "[$ISTIOD$ENVOY_INBOUND_URL]"`),
		"pod/details-1", "[127.0.0.1:")
	if err := syscall.Kill(s.child(t, "istiod"), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	s.waitForFailure(t)
	s.children--
	want(t, s.run(t, 1, "status"), "istiod died: signal: killed")
	group := s.processes(t)
	want(t, s.run(t, 0, "down"), "istiod died: signal: killed", "The environment is down.")
	wantGone(t, group)
}

// TestWithoutMesh has wasmer give the URLs at which this machine reaches it.
func TestWithoutMesh(t *testing.T) {
	s := newSession(t)
	s.children = 6 // with wasmer
	want(t, s.run(t, 0, "up", "-without-mesh"), "The environment is ready", "WASMER_URL")
	want(t, s.shell(t, `echo "[$ISTIOD]"`), "[]")
	s.processes(t)
}

// TestDeathOfTheSupervisor kills it: its children go with it, and the next start is as the first.
func TestDeathOfTheSupervisor(t *testing.T) {
	s := newSession(t)
	s.run(t, 0, "up", "-without-wasmer")
	group := s.processes(t)
	if err := syscall.Kill(s.supervisor(t), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	wantGone(t, group)
	want(t, s.run(t, 0, "status"), "The environment is down.", "has ended by itself")
	want(t, s.run(t, 0, "up", "-without-wasmer"), "has ended by itself", "The environment is ready")
}

func TestUsage(t *testing.T) {
	s := newSession(t)
	for _, args := range [][]string{{}, {"restart"}, {"up", "-no-such-flag"}} {
		cmd := exec.Command(s.program, args...)
		if out, err := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() == 0 {
			t.Errorf("env %q: %v\n%s", args, err, out)
		}
	}
}

// shell runs a script in a shell that has sourced the environment's variables.
func (s session) shell(t *testing.T, script string) string {
	t.Helper()
	out, err := exec.Command("/bin/sh", "-c", ". "+filepath.Join(s.dir, "env")+" && "+script).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", script, err, out)
	}
	return string(out)
}

// get returns what is at an address in which a shell with the environment's variables replaces these.
func (s session) get(t *testing.T, url string) string {
	t.Helper()
	response, err := http.Get(strings.TrimSpace(s.shell(t, `echo "`+url+`"`)))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %s, %v\n%s", url, response.Status, err, body)
	}
	return string(body)
}

func (s session) supervisor(t *testing.T) int {
	t.Helper()
	var state struct{ PID int }
	if err := json.Unmarshal([]byte(readFile(t, filepath.Join(s.dir, "state.json"))), &state); err != nil {
		t.Fatal(err)
	}
	return state.PID
}

// child finds a child of the supervisor by the name of its binary.
func (s session) child(t *testing.T, binary string) int {
	t.Helper()
	for _, pid := range s.processes(t)[1:] {
		if path, _ := os.Readlink("/proc/" + strconv.Itoa(pid) + "/exe"); filepath.Base(path) == binary {
			return pid
		}
	}
	t.Fatalf("the supervisor has no child %s", binary)
	return 0
}

// processes are the supervisor and its children.
func (s session) processes(t *testing.T) []int {
	t.Helper()
	supervisor := s.supervisor(t)
	pids := []int{supervisor}
	lists, err := filepath.Glob("/proc/" + strconv.Itoa(supervisor) + "/task/*/children")
	if err != nil {
		t.Fatal(err)
	}
	for _, list := range lists {
		for _, field := range strings.Fields(readFile(t, list)) {
			pid, err := strconv.Atoi(field)
			if err != nil {
				t.Fatal(err)
			}
			pids = append(pids, pid)
		}
	}
	if len(pids) != 1+s.children {
		t.Errorf("the supervisor and its children are %v", pids)
	}
	return pids
}

func (s session) waitForFailure(t *testing.T) {
	t.Helper()
	err := env.Poll(t.Context(), func(context.Context) error {
		if !strings.Contains(readFile(t, filepath.Join(s.dir, "state.json")), "failures") {
			return errors.New("the death of a part is not recorded")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func wantGone(t *testing.T, pids []int) {
	t.Helper()
	for _, pid := range pids {
		err := env.Poll(t.Context(), func(context.Context) error {
			if alive(pid) {
				return errors.New("it is alive")
			}
			return nil
		})
		if err != nil {
			t.Errorf("process %d is left: %v, %v", pid, err, syscall.Kill(pid, syscall.SIGKILL))
		}
	}
}

// alive does not count a process that has ended and whose new parent has not noticed.
func alive(pid int) bool {
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	return err == nil && !strings.Contains(string(status), "\nState:\tZ")
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func want(t *testing.T, got string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(got, part) {
			t.Errorf("%q is not in:\n%s", part, got)
		}
	}
}
